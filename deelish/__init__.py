"""deelish: a small declarative language for deep learning, and above all for distillation.

``from deelish import *`` is all that a script needs; the networks are in `deelish.networks`.
No engine is imported before one is needed.
"""

from deelish.caffenet import CaffeNet as CaffeNet
from deelish.commands import CNN as CNN
from deelish.commands import BatchTrain as BatchTrain
from deelish.commands import GetLabels as GetLabels
from deelish.commands import Input as Input
from deelish.commands import InputBatch as InputBatch
from deelish.commands import Output as Output
from deelish.commands import Show as Show
from deelish.commands import ShowLabels as ShowLabels
from deelish.commands import ShowLayers as ShowLayers
from deelish.commands import layerDim as layerDim
from deelish.compare import Compare as Compare
from deelish.distillation.average import Average as Average
from deelish.distillation.ensemble import Ensemble as Ensemble
from deelish.distillation.teachers import Teacher as Teacher
from deelish.errors import DeelishError as DeelishError
from deelish.network import Network as Network
from deelish.plan import Layer as Layer
from deelish.plan import Plan as Plan
from deelish.register import register_layer as register_layer
from deelish.session import Deel as Deel
from deelish.version import __version__ as __version__

__all__ = [
    "CNN",
    "Average",
    "BatchTrain",
    "CaffeNet",
    "Compare",
    "Deel",
    "DeelishError",
    "Ensemble",
    "GetLabels",
    "Input",
    "InputBatch",
    "Layer",
    "Network",
    "Output",
    "Plan",
    "Show",
    "ShowLabels",
    "ShowLayers",
    "Teacher",
    "layerDim",
    "register_layer",
]
