"""Layers that find or follow indices, and those that read nothing, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deelish.errors import PlanError
from deelish.formats.onnx.layer_writer import BOOL, FLOAT, INT64, LayerWriter, Write
from deelish.plan.initialisation import checked_filler
from deelish.plan.kind import Blob
from deelish.plan.layers.indexing import dummy_fillers
from deelish.plan.shapes import Args, axis_of

_FIRST = np.iinfo(np.int64).min


def _arg_max(x: str, a: Args, c: LayerWriter) -> str:
    """Without an axis, of each item as one vector."""
    old, new, along = c.bottoms[0], c.tops[0], a["axis"] is not None
    if along:
        values, indices = _best(x, axis_of(a["axis"], len(old)), a, c)
        return values if a["out_max_val"] else indices
    values, indices = _best(c.node("Flatten", x, axis=1), 1, a, c)
    both = [c.reshaped(y, (old[0], a["top_k"]), (old[0], 1, *new[2:])) for y in (indices, values)]
    return c.node("Concat", *both, axis=1) if a["out_max_val"] else both[0]


def _best(x: str, axis: int, a: Args, c: LayerWriter) -> tuple[str, str]:
    """The largest values along an axis and their indices; of equal ones the later comes first.

    ONNX's TopK has the earlier first, and so is given the axis turned round.
    """
    ends = c.whole(-1), c.whole(_FIRST), c.whole(axis), c.whole(-1)
    turned = c.node("Slice", x, *ends)
    values, indices = c.nodes("TopK", turned, c.whole(a["top_k"]), outputs=2, axis=axis)
    old = c.bottoms[0]
    side = old[axis] if a["axis"] is not None else int(np.prod(old[1:]))
    return values, c.node("Cast", c.node("Sub", c.whole(side - 1), indices), to=FLOAT)


def _taken(values: str, indices: str, c: LayerWriter) -> str:
    return c.node("Gather", values, c.node("Cast", indices, to=INT64), axis=0)


def _embed(x: str, c: LayerWriter) -> str:
    rows = _taken(c.names["weight"], x, c)
    return c.node("Add", rows, c.names["bias"]) if "bias" in c.names else rows


def _filter(x: Sequence[str], c: LayerWriter) -> list[str]:
    *items, selector = x
    kept = c.node("Cast", c.node("Reshape", selector, c.whole(-1)), to=BOOL)
    return [c.node("Compress", each, kept, axis=0) for each in items]


def _dummy_data(a: Args, c: LayerWriter) -> list[str]:
    rows = zip(c.tops, dummy_fillers(a, len(c.tops)), strict=True)
    fillers = [checked_filler(Blob(shape, filler)) for shape, filler in rows]
    if any(filler["type"] != "constant" for filler in fillers):
        raise PlanError("is filled with random numbers; a model of ONNX takes constants alone")
    values = zip(c.tops, fillers, strict=True)
    return [c.floats(np.full(shape, filler["value"])) for shape, filler in values]


NODES: dict[str, Write] = {
    "ArgMax": lambda x, a, c: _arg_max(x[0], a, c),
    "Embed": lambda x, a, c: _embed(x[0], c),
    "BatchReindex": lambda x, a, c: _taken(x[0], x[1], c),
    "Filter": lambda x, a, c: _filter(x, c),
    "Parameter": lambda x, a, c: c.names["weight"],
    "DummyData": lambda x, a, c: _dummy_data(a, c),
}
