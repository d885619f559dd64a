"""The names of deelish, each with the file that has it: read by type checkers, and at run time."""

__version__: str

from .errors import DeelishError as DeelishError
from .language.benching import Bench as Bench
from .language.caffenet import CaffeNet as CaffeNet
from .language.comparing import Compare as Compare
from .language.finding import FindRate as FindRate
from .language.naming import InputBatch as InputBatch
from .language.network import Network as Network
from .language.noise import AddNoise as AddNoise
from .language.probing import Probe as Probe
from .language.register import register_layer as register_layer
from .language.session import Deel as Deel
from .language.showing import CNN as CNN
from .language.showing import GetLabels as GetLabels
from .language.showing import Input as Input
from .language.showing import Output as Output
from .language.showing import Show as Show
from .language.showing import ShowLabels as ShowLabels
from .language.showing import ShowLayers as ShowLayers
from .language.showing import layerDim as layerDim
from .language.student import Student as Student
from .language.teachers import Average as Average
from .language.teachers import Ensemble as Ensemble
from .language.teachers import Teacher as Teacher
from .language.teachers import TestTimeAugmentation as TestTimeAugmentation
from .language.teaching import Teach as Teach
from .language.training import BatchTrain as BatchTrain
from .plan import Layer as Layer
from .plan import Plan as Plan
