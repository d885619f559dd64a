"""The network families: one file each."""

from deelish.network import Network
from deelish.networks.googlenet import GoogLeNet as GoogLeNet
from deelish.networks.nin import NetworkInNetwork as NetworkInNetwork
from deelish.networks.perceptron import Perceptron as Perceptron

FAMILIES: dict[str, type[Network]] = {
    "googlenet": GoogLeNet,
    "nin": NetworkInNetwork,
    "perceptron": Perceptron,
}
