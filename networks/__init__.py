"""The network families: one file each."""

from deelish.language.caffenet import CaffeNet as CaffeNet
from deelish.language.network import Network
from deelish.networks.alexnet import AlexNet as AlexNet
from deelish.networks.alexnet import ReferenceCaffeNet as ReferenceCaffeNet
from deelish.networks.cards import CARDS as CARDS
from deelish.networks.cards import models_table as models_table
from deelish.networks.faces import AgeNet as AgeNet
from deelish.networks.faces import EmotionNet as EmotionNet
from deelish.networks.faces import GenderNet as GenderNet
from deelish.networks.family import Card as Card
from deelish.networks.family import Family as Family
from deelish.networks.googlenet import GoogLeNet as GoogLeNet
from deelish.networks.nin import NetworkInNetwork as NetworkInNetwork
from deelish.networks.nin_cifar10 import NetworkInNetworkCIFAR10 as NetworkInNetworkCIFAR10
from deelish.networks.perceptron import Perceptron as Perceptron
from deelish.networks.places import Places205GoogLeNet as Places205GoogLeNet
from deelish.networks.resnet import ResNet50 as ResNet50
from deelish.networks.resnet import ResNet101 as ResNet101
from deelish.networks.resnet import ResNet152 as ResNet152
from deelish.networks.squeezenet import SqueezeNet as SqueezeNet
from deelish.networks.vgg import VGG16 as VGG16
from deelish.networks.vgg import VGGS as VGGS

FAMILIES: dict[str, type[Network]] = {
    "googlenet": GoogLeNet,
    "alexnet": AlexNet,
    "reference_caffenet": ReferenceCaffeNet,
    "vgg16": VGG16,
    "vgg_s": VGGS,
    "resnet50": ResNet50,
    "resnet101": ResNet101,
    "resnet152": ResNet152,
    "squeezenet": SqueezeNet,
    "nin": NetworkInNetwork,
    "nin_cifar10": NetworkInNetworkCIFAR10,
    "age": AgeNet,
    "gender": GenderNet,
    "emotion": EmotionNet,
    "places205_googlenet": Places205GoogLeNet,
    "perceptron": Perceptron,
}
