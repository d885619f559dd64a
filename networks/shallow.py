"""Students of few layers, after Urban et al. 2017 (arXiv 1603.05691).

"Do deep convolutional nets really need to be deep (or even convolutional)?" A few convolutions, or
none, a linear bottleneck, and hidden layers as wide as the parameters allow. BatchNorm (Ioffe and
Szegedy 2015) before each ReLU is of a later day: with it they learn in a fraction of the epochs.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from deelish.common.checks import is_count
from deelish.errors import PlanError
from deelish.language.network import Network
from deelish.network.labels import Labels, outputs_of
from deelish.networks.family import check_modelpath
from deelish.networks.register import network
from deelish.plan import Layer, Plan

# By convolutional layers, the channels of each in a network of a million parameters, and whether a
# maximum follows it. Channels grow as the root of the parameters, in steps of 8, which processors
# are faster with. Deeper networks are narrower, so that their time grows less.
CONVOLUTIONS: dict[int, list[tuple[int, bool]]] = {
    0: [],
    1: [(64, True)],
    2: [(48, True), (96, True)],
    3: [(32, True), (64, True), (128, True)],
    4: [(32, True), (64, True), (64, False), (128, True)],
}
MOST_HIDDEN = 5
CHANNELS = 3
STEP = 8
# The bottleneck's part of the parameters that convolutions leave.
BOTTLENECK = 0.6
# The part of its running statistics that a BatchNorm keeps at an update. Caffe's 0.999 would be of
# weights that are some epochs old.
KEPT = 0.9


@network("shallow")
class Shallow(Network):
    """A student of few layers with a given number of parameters, for 32 pixels in colour.

    Args:
        modelpath: weights to start from.
        labels: a file, a list of names, or a count; it sets the number of outputs (10).
        in_size: side of the images, from 8 up.
        outputs: the number of outputs, where there are no labels.
        dropout: fraction of each hidden layer that is left out in training.
        convolutions: how many convolutional layers, 0 to 4, each of 3 x 3 with BatchNorm and a
            ReLU.
        hidden: how many hidden layers after the bottleneck, 1 to 5.
        parameters: how many it has at most; the hidden layers are as wide as that allows.
    """

    def __init__(  # noqa: PLR0913
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int = 32,
        outputs: int | None = None,
        dropout: float = 0.0,
        convolutions: int = 0,
        hidden: int = 1,
        parameters: int = 1_000_000,
    ) -> None:
        check_modelpath(type(self).__name__, modelpath)
        _check("convolutions", convolutions, 0, max(CONVOLUTIONS))
        _check("hidden", hidden, 1, MOST_HIDDEN)
        _check("parameters", parameters, 1, None)
        convolved, shape = _convolved(in_size, convolutions, parameters)
        used = sum(width * (9 * channels + 2) for channels, width in pairwise(shape.widths))
        widths = _widths(shape, parameters - used, hidden, outputs_of(labels, outputs, 10))
        rows = [*convolved, *_connected(widths, dropout)]
        super().__init__(
            Plan(rows, {"data": (1, CHANNELS, in_size, in_size)}, "Shallow"),
            labels=outputs if labels is None else labels,
            modelpath=modelpath,
            in_size=in_size,
            order="RGB",
            mean=(128.0,),
            scale=1 / 64,
            crop=1.0,
        )


def _check(name: str, value: Any, least: int, most: int | None) -> None:
    if not (value == 0 == least or is_count(value)) or (most is not None and value > most):
        upper = "up" if most is None else f"to {most}"
        raise PlanError(f"Shallow({name}={value!r}): give a whole number from {least} {upper}")


class _Convolved(NamedTuple):
    """What convolutions make: the channels from the image on, and the side of the last map."""

    widths: list[int]
    side: int


def _convolved(side: int, count: int, parameters: int) -> tuple[list[Layer], _Convolved]:
    rows, widths = [], [CHANNELS]
    wider = math.sqrt(parameters / 1e6)
    for number, (channels, pooled) in enumerate(CONVOLUTIONS[count], start=1):
        widths.append(STEP * max(1, round(channels * wider / STEP)))
        window = {"num_output": widths[-1], "kernel_size": 3, "pad": 1}
        rows += _normalised(f"conv{number}", "Convolution", **window)
        if pooled:
            rows.append(Layer(f"pool{number}", "Pooling", kernel_size=2, stride=2))
            side = -(-side // 2)
    return rows, _Convolved(widths, side)


def _normalised(name: str, kind: str, **args: Any) -> list[Layer]:
    """A layer of weights, BatchNorm with its scale and shift, and a ReLU."""
    return [
        Layer(name, kind, weight_filler="msra", bias_term=False, **args),
        Layer(f"norm_{name}", "BatchNorm", moving_average_fraction=KEPT),
        Layer(f"scale_{name}", "Scale", bias_term=True),
        Layer(f"relu_{name}", "ReLU"),
    ]


def _widths(shape: _Convolved, left: int, hidden: int, classes: int) -> list[int]:
    """The outputs of the bottleneck, of each hidden layer and of the last one."""
    inputs = shape.widths[-1] * shape.side**2
    bottleneck = max(1, int(BOTTLENECK * left / (inputs + 1)))
    left -= bottleneck * (inputs + 1) + classes
    # The largest width w with (hidden - 1) w^2 + (bottleneck + 2 hidden + classes) w <= left.
    square, line = hidden - 1, bottleneck + 2 * hidden + classes
    if left < square + line:
        raise PlanError(
            f"Shallow: so few parameters leave {left} for its hidden layers; give parameters= more"
        )
    width = left // line
    if square:
        width = int((math.sqrt(line * line + 4 * square * left) - line) / (2 * square))
    return [bottleneck, *[width] * hidden, classes]


def _connected(widths: list[int], dropout: float) -> list[Layer]:
    bottleneck, *hidden, classes = widths
    rows = [Layer("bottleneck", "InnerProduct", num_output=bottleneck, weight_filler="xavier")]
    for number, width in enumerate(hidden, start=1):
        rows += _normalised(f"fc{number}", "InnerProduct", num_output=width)
        if dropout:
            rows.append(Layer(f"drop{number}", "Dropout", dropout_ratio=dropout))
    score = Layer("score", "InnerProduct", num_output=classes, weight_filler="xavier")
    return [*rows, score, Layer("prob", "Softmax")]
