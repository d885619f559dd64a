"""A small convolutional module in PyTorch, and the same one as a chain of Chainer."""

import numpy as np
import torch
from torch import nn

from deelish import Student

PIXELS = {"size": 8, "order": "RGB", "mean": 0, "scale": 1 / 255, "crop": 1}
PIXELS |= {"crop_mode": "center", "interpolation": "bilinear"}


class Small(nn.Module):
    """A convolution, BatchNorm, a second convolution, the mean over positions, four logits."""

    def __init__(self, channels=6, classes=4, dropout=0.0):
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, stride=2)
        self.drop = nn.Dropout(dropout)
        self.score = nn.Linear(channels, classes)

    def forward(self, x):
        maps = self.conv2(torch.relu(self.norm(self.conv1(x))))
        return self.score(self.drop(torch.relu(maps).mean((2, 3))))


def seeded(seed=0, **arguments):
    """A module whose initial weights follow from the seed; the global generator stays."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Small(**arguments)


def student(seed=0, name="Small", **arguments):
    """A student of such a module, on 8 x 8 pixels from 0 to 1."""
    return Student(seeded(seed, **arguments), name=name, **PIXELS)


def chained(module):
    """The same network as a chainer.Chain, with the weights of this module."""
    import chainer

    links, functions = chainer.links, chainer.functions
    # The class encloses these alone: all that it encloses is in its fingerprint.
    channels, dropout = module.conv1.out_channels, module.drop.p
    eps, classes = module.norm.eps, module.score.out_features

    class SmallChain(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.conv1 = links.Convolution2D(3, channels, 3, pad=1, nobias=True)
                self.norm = links.BatchNormalization(channels, eps=eps)
                self.conv2 = links.Convolution2D(channels, channels, 3, pad=1, stride=2)
                self.score = links.Linear(channels, classes)

        def forward(self, x):
            maps = self.conv2(functions.relu(self.norm(self.conv1(x))))
            hidden = functions.mean(functions.relu(maps), axis=(2, 3))
            return self.score(functions.dropout(hidden, dropout))

    made = SmallChain()
    names = {"weight": "W", "bias": "b"}
    for name, value in module.named_parameters():
        layer, own = name.split(".")
        renamed = {"weight": "gamma", "bias": "beta"} if layer == "norm" else names
        getattr(made[layer], renamed[own]).array[...] = value.detach().numpy()
    return made


def state(made):
    """A student's parameters and buffers by PyTorch's names, whichever engine has it."""
    arrays = made.record().arrays
    if made.engine.name == "torch":
        return arrays
    names = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
    names |= {"avg_mean": "running_mean", "avg_var": "running_var", "N": "num_batches_tracked"}
    paths = {name: name.split("/") for name in arrays}
    return {f"{layer}.{names[own]}": arrays[name] for name, (layer, own) in paths.items()}


def photographs(count=5, seed=0, side=8):
    """Random images uint8 (count, side, side, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
