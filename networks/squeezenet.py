"""SqueezeNet: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters",
arXiv 1602.07360.

Rows, names and initial weights are those of the authors' Caffe nets, but for the last layer's
biases.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from deelish.errors import PlanError
from deelish.network.labels import Labels
from deelish.networks.family import Card, Family
from deelish.networks.parts import ALIVE, conv, gaussian, max_pool
from deelish.networks.register import network
from deelish.plan import Layer

# For each fire module: its squeeze, and each of its two expansions.
FIRES = {
    2: (16, 64),
    3: (16, 64),
    4: (32, 128),
    5: (32, 128),
    6: (48, 192),
    7: (48, 192),
    8: (64, 256),
    9: (64, 256),
}
# For each version: width and kernel of conv1, the modules that are pooled after, pad of conv10.
SHAPES = {"1.0": (96, 7, (4, 8), 1), "1.1": (64, 3, (3, 5), 0)}


def rows(outputs: int, size: int, *, version: str) -> list[Layer]:
    """A convolution, eight fire modules, a convolution for each class and its mean."""
    width, kernel, pooled, pad = SHAPES[version]
    made = [
        *conv("conv1", width, kernel, stride=2, weight_filler="xavier", relu="relu_conv1"),
        max_pool("pool1", 3, 2),
    ]
    for number in FIRES:
        made += _fire(number, made[-1].name)
        if number in pooled:
            made.append(max_pool(f"pool{number}", 3, 2))
    last: dict[str, Any] = {
        "weight_filler": gaussian(0.01),
        "bias_filler": ALIVE,
        "relu": "relu_conv10",
    }
    return [
        *made,
        Layer("drop9", "Dropout", dropout_ratio=0.5),
        *conv("conv10", outputs, 1, pad=pad, **last),
        Layer("pool10", "Pooling", pool="AVE", global_pooling=True),
        Layer("prob", "Softmax"),
    ]


def _fire(number: int, bottom: str) -> list[Layer]:
    """Squeeze by 1x1, then expand by 1x1 and by 3x3 side by side (figure 1)."""
    squeezed, expanded = FIRES[number]
    fire = f"fire{number}"

    def part(name: str, width: int, kernel: int, below: str) -> list[Layer]:
        given = {"pad": kernel // 2, "weight_filler": "xavier", "relu": f"{fire}/relu_{name}"}
        return conv(f"{fire}/{name}", width, kernel, below, **given)

    return [
        *part("squeeze1x1", squeezed, 1, bottom),
        *part("expand1x1", expanded, 1, f"{fire}/squeeze1x1"),
        *part("expand3x3", expanded, 3, f"{fire}/squeeze1x1"),
        Layer(f"{fire}/concat", "Concat", [f"{fire}/expand1x1", f"{fire}/expand3x3"]),
    ]


def _card(version: str, accuracy: str, checksum: str) -> Card:
    place = f"SqueezeNet_v{version}/squeezenet_v{version}.caffemodel"
    commit = "a47b6f13d30985279789d08053d37013d67d131b"
    return Card(
        name=f"squeezenet{version}",
        family="SqueezeNet",
        rows=partial(rows, version=version),
        paper="Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer, arXiv 1602.07360",
        accuracy=accuracy,
        size=227,
        crop=227 / 256,
        file=f"squeezenet_v{version}.caffemodel",
        address=f"https://github.com/forresti/SqueezeNet/raw/{commit}/{place}",
        checksum=checksum,
        project="github.com/forresti/SqueezeNet",
        licence="BSD",
    )


VERSIONS = {
    "1.0": _card(
        "1.0",
        "57.5 / 80.3 %",
        "sha384:b8dc96393e093b4f23390b70f01fe37330d629759db59c1da3c15f846d0b1b17"
        "51b6ad841570c2e303c86829c750a745",
    ),
    "1.1": _card(
        "1.1",
        "as version 1.0",
        "sha256:72b912ace512e8621f8ff168a7d72af55910d3c7c9445af8dfbff4c2ee960142",
    ),
}


@network("squeezenet")
class SqueezeNet(Family):
    """SqueezeNet 1.1, which computes less than half of what 1.0 does; in_size from 32 up.

    Args:
        modelpath: weights to start from, such as "squeezenet_v1.1.caffemodel".
        labels: a file, a list of names, or a count; it sets the number of outputs (1000).
        in_size: side of the images in pixels (227).
        outputs: the number of outputs, where there are no labels.
        dropout: fraction that its Dropout layer leaves out in training, 0 for none (0.5).
        version: "1.1" or "1.0".
    """

    versions = VERSIONS
    weights = VERSIONS["1.1"]

    def __init__(
        self,
        modelpath: str | Path | None = None,
        *,
        labels: Labels | None = None,
        in_size: int | None = None,
        outputs: int | None = None,
        dropout: float | None = None,
        version: str = "1.1",
    ) -> None:
        if version not in VERSIONS:
            raise PlanError(f"SqueezeNet: version is {version!r}; give '1.0' or '1.1'")
        self.weights = VERSIONS[version]
        super().__init__(
            modelpath, labels=labels, in_size=in_size, outputs=outputs, dropout=dropout
        )
