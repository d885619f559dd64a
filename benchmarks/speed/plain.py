"""The networks in plain PyTorch, as a user writes them; filled from files that deelish saved."""

from collections import OrderedDict
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from torch import nn

# Those of the other benchmark: GoogLeNet takes any size there, NIN is the small one.
_spec = spec_from_file_location(
    "rival_networks", Path(__file__).resolve().parents[1] / "rivals" / "networks.py"
)
_rivals = module_from_spec(_spec)
_spec.loader.exec_module(_rivals)


def googlenet(size):
    """BVLC GoogLeNet with its main classifier: (n, 3, size, size) -> logits (n, 1000)."""
    return _rivals.GoogLeNet(1000)


def nin(size):
    """The ImageNet NIN: (n, 3, size, size) -> logits (n, 1000)."""
    layers = OrderedDict()

    def conv(name, inputs, outputs, kernel, **options):
        layers[name] = nn.Conv2d(inputs, outputs, kernel, **options)
        layers[f"relu_{name}"] = nn.ReLU(inplace=True)

    def pool(name):
        layers[name] = nn.MaxPool2d(3, 2, ceil_mode=True)

    conv("conv1", 3, 96, 11, stride=4 if size >= 96 else 2)
    conv("cccp1", 96, 96, 1)
    conv("cccp2", 96, 96, 1)
    pool("pool1")
    conv("conv2", 96, 256, 5, padding=2)
    conv("cccp3", 256, 256, 1)
    conv("cccp4", 256, 256, 1)
    pool("pool2")
    conv("conv3", 256, 384, 3, padding=1)
    conv("cccp5", 384, 384, 1)
    conv("cccp6", 384, 384, 1)
    pool("pool3")
    layers["drop"] = nn.Dropout(0.5)
    conv("conv4-1024", 384, 1024, 3, padding=1)
    conv("cccp7-1024", 1024, 1024, 1)
    conv("cccp8-1024", 1024, 1000, 1)
    layers["pool4"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    return nn.Sequential(layers)


MAKERS = {"googlenet": googlenet, "nin": nin}


def load(name, size, path):
    """A network by its name, filled from a .safetensors of deelish."""
    return _rivals.load(MAKERS[name](size), path)
