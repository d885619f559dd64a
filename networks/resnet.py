"""ResNet: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016
(arXiv 1512.03385).

Rows and names are those of the authors' Caffe nets, in which a stage's stride sits in branch1 and
branch2a. Initial weights follow He et al. 2015, as in the paper: the plan's default.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from deelish.networks.family import Card, Family
from deelish.networks.parts import max_pool, whole_map
from deelish.networks.register import network
from deelish.plan import Layer

# How many blocks stages 2 to 5 have.
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)


def rows(outputs: int, size: int, *, depth: int) -> list[Layer]:
    """A convolution, four stages of blocks, the mean of the map and a classifier."""
    # Only the 50-layer file has biases there.
    window = {"kernel_size": 7, "stride": 2, "pad": 3, "bias_term": depth == 50}
    made = [
        *_unit("conv1", "data", ("bn_conv1", "scale_conv1"), 64, **window),
        Layer("conv1_relu", "ReLU"),
        max_pool("pool1", 3, 2),
    ]
    last = "pool1"
    for stage, width in enumerate(WIDTHS, start=2):
        for letter in _letters(depth, stage):
            stride = 2 if stage > 2 and letter == "a" else 1
            made += _block(f"{stage}{letter}", last, width, stride)
            last = f"res{stage}{letter}"
    return [
        *made,
        whole_map("pool5", last, 7, size),
        Layer("fc1000", "InnerProduct", num_output=outputs),
        Layer("prob", "Softmax"),
    ]


def _letters(depth: int, stage: int) -> list[str]:
    """The names of a stage's blocks: a, b, c; in stages 3 and 4 of the deep nets a, b1, b2."""
    count = BLOCKS[depth][stage - 2]
    if depth > 50 and stage in (3, 4):
        return ["a", *(f"b{number}" for number in range(1, count))]
    return list("abcdef"[:count])


def _block(block: str, bottom: str, width: int, stride: int) -> list[Layer]:
    """A bottleneck (figure 5) and its shortcut, which the first block of a stage projects."""
    name = f"res{block}_branch"
    first = block.endswith("a")
    made = _branch(block, "1", bottom, 4 * width, 1, stride=stride) if first else []
    return [
        *made,
        *_branch(block, "2a", bottom, width, 1, stride=stride),
        Layer(f"{name}2a_relu", "ReLU"),
        *_branch(block, "2b", f"{name}2a", width, 3),
        Layer(f"{name}2b_relu", "ReLU"),
        *_branch(block, "2c", f"{name}2b", 4 * width, 1),
        Layer(f"res{block}", "Eltwise", [f"{name}1" if first else bottom, f"{name}2c"]),
        Layer(f"res{block}_relu", "ReLU"),
    ]


def _branch(
    block: str, part: str, bottom: str, width: int, kernel: int, stride: int = 1
) -> list[Layer]:
    place = f"{block}_branch{part}"
    window = {"kernel_size": kernel, "pad": kernel // 2, "stride": stride, "bias_term": False}
    return _unit(f"res{place}", bottom, (f"bn{place}", f"scale{place}"), width, **window)


def _unit(
    name: str, bottom: str, normalised: tuple[str, str], width: int, **window: Any
) -> list[Layer]:
    """A convolution, then its normalisation and its scale in place."""
    norm, scale = normalised
    return [
        Layer(name, "Convolution", bottom, num_output=width, **window),
        Layer(norm, "BatchNorm", name, name),
        Layer(scale, "Scale", name, name, bias_term=True),
    ]


def _card(depth: int, accuracy: str, checksum: str) -> Card:
    return Card(
        name=f"resnet{depth}",
        family=f"ResNet{depth}",
        rows=partial(rows, depth=depth),
        paper="He, Zhang, Ren and Sun, CVPR 2016, arXiv 1512.03385",
        accuracy=accuracy,
        file=f"ResNet-{depth}-model.caffemodel",
        checksum=f"sha1:{checksum}",
        project="github.com/KaimingHe/deep-residual-networks",
        licence="MIT",
        note="trained with a mean image, for which the usual mean of ImageNet is used here",
    )


@network("resnet50")
class ResNet50(Family):
    """ResNet-50; in_size from 32 up, so that every stage has something to halve.

    Its normalisations know no mean and no variance before they see a batch in training, or a
    file: until then its logits mean nothing.
    """

    weights = _card(50, "75.3 / 92.2 %", "b7c79ccc21ad0479cddc0dd78b1d20c4d722908d")


@network("resnet101")
class ResNet101(Family):
    """ResNet-101; all else as `ResNet50`."""

    weights = _card(101, "76.4 / 92.9 %", "1dbf5f493926bb9b6b3363b12d5133c0f8b78904")


@network("resnet152")
class ResNet152(Family):
    """ResNet-152; all else as `ResNet50`."""

    weights = _card(152, "77.0 / 93.3 %", "251edb93604ac8268c7fd2227a0f15144310e1aa")
