"""deelish: a small declarative language for deep learning, and above all for distillation.

``from deelish import *`` is all that a script needs; the networks are in `deelish.networks`.
No engine is imported before one is needed.
"""

from deelish.errors import DeelishError as DeelishError
from deelish.language.caffenet import CaffeNet as CaffeNet
from deelish.language.comparing import Compare as Compare
from deelish.language.finding import FindRate as FindRate
from deelish.language.naming import InputBatch as InputBatch
from deelish.language.network import Network as Network
from deelish.language.noise import AddNoise as AddNoise
from deelish.language.probing import Probe as Probe
from deelish.language.register import register_layer as register_layer
from deelish.language.session import Deel as Deel
from deelish.language.showing import CNN as CNN
from deelish.language.showing import GetLabels as GetLabels
from deelish.language.showing import Input as Input
from deelish.language.showing import Output as Output
from deelish.language.showing import Show as Show
from deelish.language.showing import ShowLabels as ShowLabels
from deelish.language.showing import ShowLayers as ShowLayers
from deelish.language.showing import layerDim as layerDim
from deelish.language.student import Student as Student
from deelish.language.teachers import Average as Average
from deelish.language.teachers import Ensemble as Ensemble
from deelish.language.teachers import Teacher as Teacher
from deelish.language.teachers import TestTimeAugmentation as TestTimeAugmentation
from deelish.language.training import BatchTrain as BatchTrain
from deelish.plan import Layer as Layer
from deelish.plan import Plan as Plan
from deelish.version import __version__ as __version__

__all__ = [
    "CNN",
    "AddNoise",
    "Average",
    "BatchTrain",
    "CaffeNet",
    "Compare",
    "Deel",
    "DeelishError",
    "Ensemble",
    "FindRate",
    "GetLabels",
    "Input",
    "InputBatch",
    "Layer",
    "Network",
    "Output",
    "Plan",
    "Probe",
    "Show",
    "ShowLabels",
    "ShowLayers",
    "Student",
    "Teacher",
    "TestTimeAugmentation",
    "layerDim",
    "register_layer",
]
