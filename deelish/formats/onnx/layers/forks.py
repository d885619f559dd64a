"""Layers that only forks of Caffe have, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.formats.onnx.layers.activation import line
from deelish.formats.onnx.layers.convolution import convolution
from deelish.plan.layers.forks import permuted
from deelish.plan.shapes import Args


def _depthwise(x: Sequence[str], a: Args, c: LayerWriter) -> list[str]:
    return convolution(x, a, c, len(c.arrays["weight"]))


def _normalize(x: str, a: Args, c: LayerWriter) -> str:
    """Over all numbers of an image with `across_spatial`, else over the channels of each pixel."""
    axes = tuple(range(1, len(c.bottoms[0]))) if a["across_spatial"] else (1,)
    square = c.node("ReduceSumSquare", x, axes=axes)
    length = c.node("Sqrt", line(square, c, 1.0, a["eps"]))
    scale = c.arrays["weight"].reshape(-1, *(1 for _ in c.bottoms[0][2:]))
    return c.node("Mul", c.node("Div", x, length), c.floats(scale))


def _upsample(x: str, a: Args, c: LayerWriter) -> str:
    scales = c.floats([1, 1, a["scale"], a["scale"]])
    how = {"mode": "nearest", "nearest_mode": "floor"}
    return c.node("Resize", x, "", scales, **how, coordinate_transformation_mode="asymmetric")


def _interp(x: str, a: Args, c: LayerWriter) -> str:
    """Bilinear, the corners of both images on each other; the pads are 0 or less: they crop."""
    if a["pad_beg"] or a["pad_end"]:
        starts = [-a["pad_beg"]] * 2
        ends = [side + a["pad_end"] for side in c.bottoms[0][2:]]
        x = c.node("Slice", x, c.whole(*starts), c.whole(*ends), c.whole(2, 3))
    batch = c.node("Shape", x, start=0, end=2)
    sizes = c.node("Concat", batch, c.whole(*c.tops[0][2:]), axis=0)
    how = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    return c.node("Resize", x, "", "", sizes, **how)


def _reorg(x: str, a: Args, c: LayerWriter) -> str:
    """Forwards the input is read as if it had fewer channels on longer sides, as Darknet does."""
    n, channels, h, w = c.bottoms[0]
    s = a["stride"]
    thin = channels // s**2
    if a["reverse"]:
        return _dealt(x, (n, s, s, thin, h, w), (0, 3, 4, 1, 5, 2), c)
    return _dealt(x, (n, thin, h, s, w, s), (0, 3, 5, 1, 2, 4), c)


def _shuffle_channel(x: str, a: Args, c: LayerWriter) -> str:
    """Channel j of group i goes to index j * groups + i."""
    order = np.arange(c.bottoms[0][1]).reshape(a["group"], -1).T
    return c.node("Gather", x, c.whole(*order.ravel().tolist()), axis=1)


def _dealt(x: str, split: Sequence[int], order: Sequence[int], c: LayerWriter) -> str:
    """x in more axes, these in another order, then the shape of the top."""
    turned = tuple(split[axis] for axis in order)
    y = c.node("Transpose", c.reshaped(x, c.bottoms[0], tuple(split)), perm=order)
    return c.reshaped(y, turned, c.tops[0])


def _axpy(x: Sequence[str], c: LayerWriter) -> str:
    n, channels, *rest = c.bottoms[1]
    factor = c.reshaped(x[0], c.bottoms[0], (n, channels, *(1 for _ in rest)))
    return c.node("Add", c.node("Mul", factor, x[1]), x[2])


NODES: dict[str, Write] = {
    "DepthwiseConvolution": _depthwise,
    "ConvolutionDepthwise": _depthwise,
    "Permute": lambda x, a, c: c.node(
        "Transpose", x[0], perm=permuted(a["order"], len(c.bottoms[0]))
    ),
    "Normalize": lambda x, a, c: _normalize(x[0], a, c),
    "ReLU6": lambda x, a, c: c.node("Clip", x[0], c.floats(0), c.floats(6)),
    "Upsample": lambda x, a, c: _upsample(x[0], a, c),
    "Interp": lambda x, a, c: _interp(x[0], a, c),
    "Reorg": lambda x, a, c: _reorg(x[0], a, c),
    "ShuffleChannel": lambda x, a, c: _shuffle_channel(x[0], a, c),
    "Axpy": lambda x, a, c: _axpy(x, c),
}
