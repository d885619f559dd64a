"""Layers that join, cut, reshape and reduce arrays, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.formats.onnx.layers.activation import line
from deelish.plan.layers.reshaping import crop_offsets
from deelish.plan.shapes import Args, axis_of

# SUM takes its axes as an input, the others as an attribute: so it is in ONNX's opset 17.
_REDUCTIONS: dict[str, Callable[[str, range, LayerWriter], str]] = {
    "SUM": lambda x, axes, c: c.node("ReduceSum", x, c.whole(*axes), keepdims=0),
    "ASUM": lambda x, axes, c: c.node("ReduceL1", x, axes=axes, keepdims=0),
    "SUMSQ": lambda x, axes, c: c.node("ReduceSumSquare", x, axes=axes, keepdims=0),
    "MEAN": lambda x, axes, c: c.node("ReduceMean", x, axes=axes, keepdims=0),
}


def _slices(x: str, a: Args, c: LayerWriter) -> str | list[str]:
    if len(c.tops) == 1:
        return x
    axis = axis_of(a["axis"], len(c.bottoms[0]))
    # Without sides ONNX cuts into equal parts.
    sides = [c.whole(*(shape[axis] for shape in c.tops))] if a["slice_point"] else []
    return c.nodes("Split", x, *sides, outputs=len(c.tops), axis=axis)


def _crop(x: str, a: Args, c: LayerWriter) -> str:
    offsets = crop_offsets(a, len(c.bottoms[0]))
    rows = enumerate(zip(offsets, c.tops[0], c.bottoms[0], strict=True))
    cut = [(axis, start, start + side) for axis, (start, side, old) in rows if side != old]
    if not cut:
        return x
    axes, starts, ends = zip(*cut, strict=True)
    return c.node("Slice", x, c.whole(*starts), c.whole(*ends), c.whole(*axes))


def _tile(x: str, a: Args, c: LayerWriter) -> str:
    copies = [1] * len(c.bottoms[0])
    copies[a["axis"]] = a["tiles"]
    return c.node("Tile", x, c.whole(*copies))


def _reduction(x: str, a: Args, c: LayerWriter) -> str:
    count = len(c.bottoms[0])
    y = _REDUCTIONS[a["operation"]](x, range(axis_of(a["axis"], count), count), c)
    return line(y, c, a["coeff"], 0.0)


def _same(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    return c.reshaped(x[0], c.bottoms[0], c.tops[0])


NODES: dict[str, Write] = {
    "Concat": lambda x, a, c: c.node("Concat", *x, axis=a["axis"]),
    "Slice": lambda x, a, c: _slices(x[0], a, c),
    "Split": lambda x, a, c: [x[0]] * len(c.tops),
    "Flatten": _same,
    "Reshape": _same,
    "Crop": lambda x, a, c: _crop(x[0], a, c),
    "Tile": lambda x, a, c: _tile(x[0], a, c),
    "Reduction": lambda x, a, c: _reduction(x[0], a, c),
}
