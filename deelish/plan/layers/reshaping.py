"""Kinds that join, cut, reshape and reduce arrays: Concat, Slice, Reshape, Crop, Tile, ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from deelish.errors import PlanError
from deelish.plan.kind import MANY, REQUIRED, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of, listed


def concat(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Bottoms that agree but on one axis -> one blob, long on that axis."""
    axis = axis_of(args["axis"], len(bottoms[0]))
    for shape in bottoms:
        if len(shape) != len(bottoms[0]) or _with(shape, axis, 0) != _with(bottoms[0], axis, 0):
            raise PlanError(
                f"reads {listed(bottoms)}, which differ off axis {axis}; make the other sides equal"
            )
    return [_with(bottoms[0], axis, sum(shape[axis] for shape in bottoms))]


def slices(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """One blob -> as many as there are tops, cut before each slice_point, or in equal parts."""
    axis = axis_of(args["axis"], len(bottoms[0]))
    side, points = bottoms[0][axis], args["slice_point"]
    if not points and side % tops:
        raise PlanError(
            f"cuts {side} on axis {axis} into {tops} equal parts; give slice_point, or a number of"
            f" tops that divides {side}"
        )
    cuts = [0, *(points or range(side // tops, side, side // tops)), side]
    if len(cuts) != tops + 1 or any(b <= a for a, b in pairwise(cuts)):
        raise PlanError(
            f"has slice_point {points} for {tops} tops of {side} on axis {axis}; give"
            f" {tops - 1} numbers that rise from 1 to {side - 1} at most"
        )
    return [_with(bottoms[0], axis, b - a) for a, b in pairwise(cuts)]


def split(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """One blob -> the same, under each top's name."""
    return [bottoms[0]] * tops


def flatten(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """The axes from `axis` to `end_axis`, both included, become one: (n, c, h, w) -> (n, c h w)."""
    shape = bottoms[0]
    first = axis_of(args["axis"], len(shape))
    end = axis_of(args["end_axis"], len(shape), "end_axis") + 1
    if end < first:
        raise PlanError(
            f"axis is {args['axis']} and end_axis {args['end_axis']}; give an end_axis that does"
            " not come before axis"
        )
    return [(*shape[:first], math.prod(shape[first:end]), *shape[end:])]


def reshape(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """`num_axes` axes from `axis` on take the new shape; 0 keeps a side, one -1 is found."""
    old, dims = bottoms[0], args["shape"]
    first, end = replaced_axes(args, len(old))
    if first + max((i for i, side in enumerate(dims) if side == 0), default=-1) >= len(old):
        raise PlanError(f"reads {old}, where a 0 in {dims} has no side to keep; give the side")
    kept = [side or old[first + i] for i, side in enumerate(dims)]
    new = [*old[:first], *kept, *old[end:]]
    count, known = math.prod(old), math.prod(side for side in new if side != -1)
    if min(new, default=1) < -1 or new.count(-1) > 1 or count % known:
        raise PlanError(
            f"reads {old}, which cannot become {tuple(new)}; give sides of 1 and more, and at most"
            " one -1, whose product is the same"
        )
    found = tuple(count // known if side == -1 else side for side in new)
    if math.prod(found) != count:
        raise PlanError(
            f"reads {old}, {count} numbers, and {found} holds {math.prod(found)}; give as many, or"
            " one side as -1"
        )
    return [found]


def replaced_axes(args: Args, count: int) -> tuple[int, int]:
    """First and end of the axes that Reshape replaces; -1 starts behind the last one."""
    axis, number = args["axis"], args["num_axes"]
    first = axis_of(axis, count + 1)
    end = count if number == -1 else first + number
    if not first <= end <= count:
        raise PlanError(
            f"axis is {axis} and num_axes {number} where there are {count} axes; give num_axes"
            f" from 0 to {count - first}, or -1 for all from axis on"
        )
    return first, end


def crop(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """The first bottom, cut from `axis` on to the sides of the second, `offset` from the start."""
    whole, reference = bottoms
    axis = axis_of(args["axis"], len(whole))
    offsets = crop_offsets(args, len(whole))
    if len(reference) < len(whole):
        raise PlanError(f"reads {listed(bottoms)}; the second must have as many axes as the first")
    for place in range(axis, len(whole)):
        if offsets[place] < 0 or offsets[place] + reference[place] > whole[place]:
            raise PlanError(
                f"reads {listed(bottoms)}, and on axis {place} the second does not fit into the"
                f" first from {offsets[place]} on; give another offset"
            )
    return [(*whole[:axis], *reference[axis : len(whole)])]


def crop_offsets(args: Args, count: int) -> list[int]:
    """Where Crop starts on each of `count` axes: one offset holds for all from `axis` on."""
    axis, given = axis_of(args["axis"], count), args["offset"]
    if len(given) > 1 and len(given) != count - axis:
        raise PlanError(
            f"has {len(given)} numbers in offset for {count - axis} axes from axis {axis} on; give"
            " one for all, or one each"
        )
    cropped = list(given) if len(given) > 1 else [*given, 0][:1] * (count - axis)
    return [0] * axis + cropped


def tile(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """`tiles` copies one after another on one axis."""
    axis, tiles = axis_of(args["axis"], len(bottoms[0])), args["tiles"]
    if not isinstance(tiles, int) or tiles < 1:
        raise PlanError(f"tiles is {tiles!r}; give a whole number above 0")
    return [_with(bottoms[0], axis, bottoms[0][axis] * tiles)]


def reduction(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """All axes from `axis` on become one number: (n, c, h, w) with axis 1 -> (n)."""
    return [bottoms[0][: axis_of(args["axis"], len(bottoms[0]))]]


def silence(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Whatever it reads -> nothing."""
    return []


def _with(shape: Shape, axis: int, side: int) -> Shape:
    return (*shape[:axis], side, *shape[axis + 1 :])


KINDS = {
    "Concat": LayerKind({"axis": 1}, concat, bottoms=(1, MANY), shares="alone"),
    "Slice": LayerKind({"axis": 1, "slice_point": ()}, slices, tops=(1, MANY), shares="alone"),
    "Split": LayerKind({}, split, tops=(1, MANY), shares="always"),
    "Flatten": LayerKind({"axis": 1, "end_axis": -1}, flatten, shares="always"),
    "Reshape": LayerKind({"shape": (), "axis": 0, "num_axes": -1}, reshape, shares="always"),
    "Crop": LayerKind({"axis": 2, "offset": ()}, crop, bottoms=(2, 2)),
    "Tile": LayerKind({"axis": 1, "tiles": REQUIRED}, tile),
    "Reduction": LayerKind(
        {"operation": "SUM", "axis": 0, "coeff": 1.0},
        reduction,
        choices={"operation": ("SUM", "ASUM", "SUMSQ", "MEAN")},
    ),
    "Silence": LayerKind({}, silence, bottoms=(1, MANY), tops=(0, 0)),
}
