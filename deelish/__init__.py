"""deelish: a small declarative language for deep learning, and above all for distillation.

``from deelish import *`` is all that a script needs; the networks are in `deelish.networks`.
No engine is imported before one is needed.
"""

from deelish.comparison import Compare as Compare
from deelish.distillation.average import Average as Average
from deelish.distillation.ensemble import Ensemble as Ensemble
from deelish.distillation.wrapped import Teacher as Teacher
from deelish.errors import DeelishError as DeelishError
from deelish.language.caffenet import CaffeNet as CaffeNet
from deelish.language.register import register_layer as register_layer
from deelish.language.session import Deel as Deel
from deelish.language.verbs import CNN as CNN
from deelish.language.verbs import BatchTrain as BatchTrain
from deelish.language.verbs import GetLabels as GetLabels
from deelish.language.verbs import Input as Input
from deelish.language.verbs import InputBatch as InputBatch
from deelish.language.verbs import Output as Output
from deelish.language.verbs import Show as Show
from deelish.language.verbs import ShowLabels as ShowLabels
from deelish.language.verbs import ShowLayers as ShowLayers
from deelish.language.verbs import layerDim as layerDim
from deelish.network.network import Network as Network
from deelish.plan import Layer as Layer
from deelish.plan import Plan as Plan
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
