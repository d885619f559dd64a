"""Layers that join, cut, reshape and reduce arrays, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.formats.onnx.layers.activation import line
from deelish.plan.layers.reshaping import crop_offsets, replaced_axes
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


def _crop(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    """The sides to cut to are those that the second bottom has as the model runs."""
    whole = c.bottoms[0]
    if c.tops[0] == whole:
        return x[0]
    first, end = axis_of(a["axis"], len(whole)), len(whole)
    starts = c.whole(*crop_offsets(a, end)[first:])
    ends = c.node("Add", c.node("Shape", x[1], start=first, end=end), starts)
    return c.node("Slice", x[0], starts, ends, c.whole(*range(first, end)))


def _tile(x: str, a: Args, c: LayerWriter) -> str:
    copies = [1] * len(c.bottoms[0])
    copies[a["axis"]] = a["tiles"]
    return c.node("Tile", x, c.whole(*copies))


def _reduction(x: str, a: Args, c: LayerWriter) -> str:
    count = len(c.bottoms[0])
    y = _REDUCTIONS[a["operation"]](x, range(axis_of(a["axis"], count), count), c)
    return line(y, c, a["coeff"], 0.0)


def _flatten(x: str, a: Args, c: LayerWriter) -> str:
    old = c.bottoms[0]
    first = axis_of(a["axis"], len(old))
    end = axis_of(a["end_axis"], len(old), "end_axis") + 1
    if c.tops[0] == old:
        return x
    # 0 keeps a side.
    return c.node("Reshape", x, c.whole(*[0] * first, -1, *old[end:]))


def _reshape(x: str, a: Args, c: LayerWriter) -> str:
    """Caffe's 0 and -1 mean the same in ONNX."""
    old, dims = c.bottoms[0], a["shape"]
    if c.tops[0] == old:
        return x
    first, end = replaced_axes(a, len(old))
    behind = [0] * (len(old) - end) if len(dims) == end - first else old[end:]
    return c.node("Reshape", x, c.whole(*[0] * first, *dims, *behind))


NODES: dict[str, Write] = {
    "Concat": lambda x, a, c: c.node("Concat", *x, axis=a["axis"]),
    "Slice": lambda x, a, c: _slices(x[0], a, c),
    "Split": lambda x, a, c: [x[0]] * len(c.tops),
    "Flatten": lambda x, a, c: _flatten(x[0], a, c),
    "Reshape": lambda x, a, c: _reshape(x[0], a, c),
    "Crop": lambda x, a, c: _crop(x, a, c),
    "Tile": lambda x, a, c: _tile(x[0], a, c),
    "Reduction": lambda x, a, c: _reduction(x[0], a, c),
}
