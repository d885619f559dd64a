"""Shallow students: Urban et al. 2017, "Do deep convolutional nets really need to be deep (or even
convolutional)?" (arXiv 1603.05691).

A few convolutions, or none, a linear bottleneck, and hidden layers as wide as the parameters allow.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from deelish.common.checks import is_count
from deelish.errors import PlanError
from deelish.language.network import Network
from deelish.network.labels import Labels, outputs_of
from deelish.networks.family import check_modelpath
from deelish.networks.register import network
from deelish.plan import Layer, Plan

# By convolutional layers, how wide each is beside the first, and whether a maximum follows it.
CONVOLUTIONS: dict[int, list[tuple[int, bool]]] = {
    0: [],
    1: [(1, True)],
    2: [(1, True), (2, True)],
    3: [(1, True), (2, True), (4, True)],
    4: [(1, True), (2, True), (2, False), (4, True)],
}
MOST_HIDDEN = 5
# Channels of the first convolution for a million parameters; they grow as their root.
CHANNELS = 64
# The bottleneck's part of the parameters that convolutions leave.
BOTTLENECK = 0.6


@network("shallow")
class Shallow(Network):
    """A student of few layers with a given number of parameters, for 32 pixels in colour.

    Args:
        modelpath: weights to start from.
        labels: a file, a list of names, or a count; it sets the number of outputs (10).
        in_size: side of the images, from 8 up.
        outputs: the number of outputs, where there are no labels.
        convolutions: how many convolutional layers, 0 to 4, each of 3 x 3 with a ReLU.
        hidden: how many hidden layers after the bottleneck, 1 to 5.
        parameters: how many it has at most; the hidden layers are as wide as that allows.
    """

    def __init__(
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int = 32,
        outputs: int | None = None,
        convolutions: int = 0,
        hidden: int = 1,
        parameters: int = 1_000_000,
    ) -> None:
        check_modelpath(type(self).__name__, modelpath)
        _check("convolutions", convolutions, 0, max(CONVOLUTIONS))
        _check("hidden", hidden, 1, MOST_HIDDEN)
        _check("parameters", parameters, 1, None)
        classes = outputs_of(labels, outputs, 10)
        super().__init__(
            Plan(
                _rows(classes, in_size, convolutions, hidden, parameters),
                {"data": (1, 3, in_size, in_size)},
                "Shallow",
            ),
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


def _rows(classes: int, size: int, convolutions: int, hidden: int, parameters: int) -> list[Layer]:
    rows, channels, used = [], 3, 0
    first = round(CHANNELS * math.sqrt(parameters / 1e6))
    for number, (wide, pooled) in enumerate(CONVOLUTIONS[convolutions], start=1):
        width = first * wide
        rows += [
            Layer(
                f"conv{number}",
                "Convolution",
                num_output=width,
                kernel_size=3,
                pad=1,
                weight_filler="msra",
            ),
            Layer(f"relu{number}", "ReLU"),
        ]
        if pooled:
            rows.append(Layer(f"pool{number}", "Pooling", kernel_size=2, stride=2))
            size = -(-size // 2)
        used += width * (9 * channels + 1)
        channels = width
    inputs, left = channels * size * size, parameters - used
    bottleneck = max(1, int(BOTTLENECK * left / (inputs + 1)))
    width = _width(left - bottleneck * (inputs + 1), bottleneck, hidden, classes)
    if width < 1:
        raise PlanError(f"Shallow(parameters={parameters}): too few for one unit; give more")
    rows.append(
        Layer("bottleneck", "InnerProduct", num_output=bottleneck, weight_filler="xavier")
    )
    for number in range(1, hidden + 1):
        rows += [
            Layer(f"fc{number}", "InnerProduct", num_output=width, weight_filler="msra"),
            Layer(f"relu_fc{number}", "ReLU"),
        ]
    score = Layer("score", "InnerProduct", num_output=classes, weight_filler="xavier")
    return [*rows, score, Layer("prob", "Softmax")]


def _width(left: int, bottleneck: int, hidden: int, classes: int) -> int:
    """The largest width w with (hidden - 1) w^2 + (bottleneck + hidden + classes) w <= left."""
    left -= classes
    square, line = hidden - 1, bottleneck + hidden + classes
    if left < line:
        return 0
    if not square:
        return left // line
    return int((math.sqrt(line * line + 4 * square * left) - line) / (2 * square))
