"""Kinds that find or follow indices, and those that read nothing: ArgMax, Embed, DummyData, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deelish.errors import PlanError
from deelish.plan.initialisation import checked_filler
from deelish.plan.kind import MANY, REQUIRED, Blob, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of, listed
from deelish.plan.weights import WEIGHTED, weight_and_bias


def arg_max(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """The indices of the top_k largest values, best first.

    Along `axis`: (n, c, h, w) -> (n, top_k, h, w). Without it, of each item as one vector:
    (n, 1, top_k), or (n, 2, top_k) with the values; Caffe appends ones up to the bottom's axes.
    """
    shape, top_k = bottoms[0], args["top_k"]
    if not shape:
        raise PlanError("reads one number; it needs at least one axis")
    axis = None if args["axis"] is None else axis_of(args["axis"], len(shape))
    side = math.prod(shape[1:]) if axis is None else shape[axis]
    if not isinstance(top_k, int) or not 1 <= top_k <= side:
        raise PlanError(f"top_k is {top_k!r} of {side} values; give a number from 1 to {side}")
    if axis is not None:
        return [(*shape[:axis], top_k, *shape[axis + 1 :])]
    ones = (1 for _ in shape[3:])
    return [(shape[0], 2 if args["out_max_val"] else 1, top_k, *ones)]


def embed(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Ids of any shape -> one more axis, num_output long."""
    if not isinstance(args["input_dim"], int) or args["input_dim"] < 1:
        raise PlanError(f"input_dim is {args['input_dim']!r}; give a whole number above 0")
    return [(*bottoms[0], args["num_output"])]


def embed_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight (input_dim, num_output), a row for each id, and bias (num_output)."""
    return weight_and_bias(args, (args["input_dim"], args["num_output"]))


def batch_reindex(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, ...) and indices (m) -> (m, ...): the items that the indices name."""
    if not bottoms[0] or len(bottoms[1]) != 1:
        raise PlanError(f"reads {listed(bottoms)}; it needs items and one axis of indices")
    return [(*bottoms[1], *bottoms[0][1:])]


def filters(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """The items whose selector, the last bottom, is not 0: how many is known only when it runs."""
    *items, selector = bottoms
    if tops != len(items):
        raise PlanError(f"has {tops} tops for {len(items)} bottoms and a selector; name as many")
    if not selector or math.prod(selector[1:]) != 1:
        raise PlanError(f"its selector is {selector}; give one number an item")
    if any(shape[:1] != selector[:1] for shape in items):
        raise PlanError(f"reads {listed(bottoms)}; each must have as many items as the selector")
    return items


def parameter(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Nothing -> the blob that it trains."""
    return [_sides(args["shape"])]


def parameter_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight, of the given shape."""
    return {"weight": Blob(args["shape"], 0.0)}


def dummy_data(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Nothing -> a filled blob a top, of a shape in `shape` or (num, channels, height, width)."""
    old = ("num", "channels", "height", "width")
    if any(args[name] for name in old):
        if args["shape"]:
            raise PlanError("has both shape and num, channels, height or width; keep shape")
        sides = [one_a_top(name, args[name], tops) for name in old]
        shapes = [_sides(shape) for shape in zip(*sides, strict=True)]
    else:
        shapes = [_sides(shape) for shape in one_a_top("shape", args["shape"], tops)]
    for shape, filler in zip(shapes, dummy_fillers(args, tops), strict=True):
        checked_filler(Blob(shape, filler))
    return shapes


def dummy_fillers(args: Args, tops: int) -> list[Any]:
    """The filler of each top of a DummyData; Caffe's own is the constant 0."""
    return one_a_top("data_filler", args["data_filler"] or (0.0,), tops)


def one_a_top(name: str, values: Sequence[Any], tops: int) -> list[Any]:
    """Values of which Caffe takes one for all tops, or one each."""
    if len(values) not in (1, tops):
        raise PlanError(f"has {len(values)} {name} for {tops} tops; give one for all, or one each")
    return list(values) * tops if len(values) == 1 else list(values)


def _sides(shape: Any) -> Shape:
    if not isinstance(shape, tuple) or not all(isinstance(s, int) and s > 0 for s in shape):
        raise PlanError(f"shape is {shape!r}; give whole sides above 0")
    return shape


KINDS = {
    "ArgMax": LayerKind({"out_max_val": False, "top_k": 1, "axis": None}, arg_max, scores=True),
    "Embed": LayerKind(
        {"num_output": REQUIRED, "input_dim": REQUIRED, **WEIGHTED}, embed, embed_weights
    ),
    "BatchReindex": LayerKind({}, batch_reindex, bottoms=(2, 2)),
    "Filter": LayerKind({}, filters, bottoms=(2, MANY), tops=(1, MANY)),
    "Parameter": LayerKind({"shape": ()}, parameter, parameter_weights, bottoms=(0, 0)),
    "DummyData": LayerKind(
        {"data_filler": (), "shape": (), "num": (), "channels": (), "height": (), "width": ()},
        dummy_data,
        bottoms=(0, 0),
        tops=(1, MANY),
    ),
}
