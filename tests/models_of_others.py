"""Small models for the tests of teachers: of other libraries, good and hostile, and a network."""

import numpy as np
import torch
from torch import nn

from deelish import Layer, Network

PIXELS = {"size": 8, "mean": (127.5,), "scale": 1 / 127.5}


class Usual(nn.Module):
    """Convolution, BatchNorm with statistics of its own, dropout, classifier: (n, 3, 8, 8)."""

    def __init__(self, classes=4, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(3, 5, 3)
            self.bn = nn.BatchNorm2d(5)
            self.drop = nn.Dropout(0.5)
            self.score = nn.Linear(5 * 36, classes)
            self.bn.running_mean.normal_()
            self.bn.running_var.uniform_(0.5, 2)

    def forward(self, x):
        return self.score(self.drop(torch.relu(self.bn(self.conv(x)))).flatten(1))


class TrainsItself(Usual):
    def forward(self, x):
        with torch.inference_mode(False), torch.enable_grad():
            loss = super().forward(x.clone()).square().mean()
            loss.backward()
        with torch.no_grad():
            self.score.weight -= 0.1 * self.score.weight.grad
        return super().forward(x)


class MovesItsStatistics(Usual):
    def forward(self, x):
        y = self.conv(x)
        nn.functional.batch_norm(y, self.bn.running_mean, self.bn.running_var, training=True)
        return super().forward(x)


class WritesBehindTheCounter(Usual):
    """Writes into a weight's memory, which PyTorch does not see."""

    def forward(self, x):
        logits = super().forward(x)
        self.score.bias.detach().numpy()[0] += 1
        return logits


class FlipsItself(Usual):
    """Draws dropout in evaluation mode too."""

    def forward(self, x):
        self.drop.train()
        return super().forward(x)


class StaysInTraining(Usual):
    def train(self, mode=True):
        return super().train(True)


class LooksAtTheBatch(Usual):
    def forward(self, x):
        return super().forward(x - x.mean(0, keepdim=True))


class KeepsGradients(Usual):
    def forward(self, x):
        with torch.inference_mode(False), torch.enable_grad():
            return super().forward(x.clone())


class Returns(Usual):
    """Returns what `wrap` makes of its logits."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(super().forward(x))


def small_network(**args):
    """A network of deelish, which needs other pixels than `PIXELS`: (n, 3, 8, 8), five logits."""
    rows = [
        Layer("conv", "Convolution", num_output=4, kernel_size=3),
        Layer("bn", "BatchNorm"),
        Layer("relu", "ReLU"),
        Layer("score", "InnerProduct", num_output=5),
        Layer("prob", "Softmax"),
    ]
    facts = {"in_size": 8, "mean": (104.0, 117.0, 123.0), "order": "BGR", "scale": 1.0}
    return Network(rows, name="Small", **facts, crop=1.0, **args)


def eights(count=6, seed=0):
    """uint8 (count, 8, 8, 3): images that no view changes but by cutting."""
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)


def as_input(pixels):
    """The input that a torch model of `PIXELS` gets."""
    return (pixels.astype(np.float32).transpose(0, 3, 1, 2) - 127.5) / 127.5
