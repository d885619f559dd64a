"""The network families: one file each, found by walking this folder.

A file that is put here is a family without another change: `@network("name")` registers its class.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from deelish.language.caffenet import CaffeNet as CaffeNet
from deelish.networks.family import Card as Card
from deelish.networks.family import Family as Family
from deelish.networks.register import CARDS as CARDS
from deelish.networks.register import FAMILIES as FAMILIES
from deelish.networks.table import models_table as models_table

if TYPE_CHECKING:
    # What runs is below. These lines show type checkers and editors the arguments of a class;
    # a class without a line has the type Any.
    from deelish.networks.airbench import Airbench as Airbench
    from deelish.networks.alexnet import AlexNet as AlexNet
    from deelish.networks.alexnet import ReferenceCaffeNet as ReferenceCaffeNet
    from deelish.networks.faces import AgeNet as AgeNet
    from deelish.networks.faces import EmotionNet as EmotionNet
    from deelish.networks.faces import GenderNet as GenderNet
    from deelish.networks.googlenet import GoogLeNet as GoogLeNet
    from deelish.networks.nin import NetworkInNetwork as NetworkInNetwork
    from deelish.networks.nin_cifar10 import NetworkInNetworkCIFAR10 as NetworkInNetworkCIFAR10
    from deelish.networks.perceptron import Perceptron as Perceptron
    from deelish.networks.places import Places205GoogLeNet as Places205GoogLeNet
    from deelish.networks.resnet import ResNet50 as ResNet50
    from deelish.networks.resnet import ResNet101 as ResNet101
    from deelish.networks.resnet import ResNet152 as ResNet152
    from deelish.networks.shallow import Shallow as Shallow
    from deelish.networks.squeezenet import SqueezeNet as SqueezeNet
    from deelish.networks.vgg import VGG16 as VGG16
    from deelish.networks.vgg import VGGS as VGGS

    def __getattr__(name: str) -> Any: ...


for _found in iter_modules(__path__):
    import_module(f"{__name__}.{_found.name}")
globals().update({family.__name__: family for family in FAMILIES.values()})
