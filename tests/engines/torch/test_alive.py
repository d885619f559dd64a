"""How many numbers a module needs at once, against counts by hand."""

import pytest
import torch
from torch import nn

from deelish.engines.torch.alive import most_numbers

SIDE = 8
IMAGE = 3 * SIDE * SIDE


def convolution(channels):
    return nn.Conv2d(3, channels, 3, padding=1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = convolution(3), convolution(3)

    def forward(self, x):
        return x + self.second(self.first(x))


class Tied(nn.Module):
    """One convolution twice; a view and what is made from a constant take no memory of theirs."""

    def __init__(self):
        super().__init__()
        self.one = self.other = convolution(3)
        self.register_buffer("mean", torch.zeros(3, 1, 1))

    def forward(self, x):
        return self.other(self.one(x)).flatten(1)[:, :2]


CASES = {
    # Beside the image: the input and the output of a ReLU.
    "a chain": (
        lambda: nn.Sequential(convolution(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 2)),
        (3 * 9 * 8 + 8 + 512 * 2 + 2) + IMAGE + 512 + 512,
    ),
    "in place": (
        lambda: nn.Sequential(convolution(8), nn.ReLU(True), nn.Flatten(), nn.Linear(512, 2)),
        (3 * 9 * 8 + 8 + 512 * 2 + 2) + IMAGE + 512 + 2,
    ),
    "a shortcut": (Residual, 2 * (3 * 9 * 3 + 3) + 3 * IMAGE),
    "weights that are shared": (Tied, (3 * 9 * 3 + 3) + 3 + 3 * IMAGE),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_and_what_is_alive_at_once(case):
    make, expected = CASES[case]
    module, image = make().eval(), torch.zeros(1, 3, SIDE, SIDE)
    with torch.no_grad():
        counts = [most_numbers(module, image, lambda: module(image)) for _ in range(2)]
    assert counts == [expected, expected]
