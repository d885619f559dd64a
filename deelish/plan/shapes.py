"""The shape of what each kind of layer makes, by Caffe's rules.

A rule takes the layer's arguments and the shapes of its bottoms, batch first, and returns those of
its tops. A shape that cannot be raises PlanError; the plan puts the layer's name before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deelish.errors import PlanError

Shape = tuple[int, ...]
Args = Mapping[str, Any]


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) of an argument that Caffe lets one write as one number or as two."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    if len(values) not in (1, 2) or not all(isinstance(v, int) for v in values):
        raise PlanError(f"{value!r} is no whole number; give one, or (height, width)")
    return values[0], values[-1]


def same(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """The bottom's own shape."""
    return [bottoms[0]]


def convolution(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """(n, c, h, w) -> (n, num_output, floor((h + 2 pad - extent) / stride) + 1, ...)."""
    n, c, *sides = _image(bottoms[0])
    if c % args["group"] or args["num_output"] % args["group"]:
        raise PlanError(
            f"{c} channels in and num_output {args['num_output']} do not divide into"
            f" group {args['group']}; choose numbers that do"
        )
    out = []
    for side, kernel, stride, pad, dilation in _windows(args, sides):
        extent = dilation * (kernel - 1) + 1
        out.append(_whole(side, kernel, (side + 2 * pad - extent) // stride + 1))
    return [(n, args["num_output"], *out)]


def pooling(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """(n, c, h, w) -> (n, c, ceil((h + 2 pad - kernel) / stride) + 1, ...), or (n, c, 1, 1)."""
    n, c, *sides = _image(bottoms[0])
    if args["global_pooling"]:
        return [(n, c, 1, 1)]
    if args["kernel_size"] is None:
        raise PlanError("has no kernel_size; give one, or global_pooling=True")
    rounded = math.floor if args["round_mode"] == "FLOOR" else math.ceil
    out = []
    for side, kernel, stride, pad, _ in _windows({**args, "dilation": 1}, sides):
        if pad >= kernel:
            raise PlanError(f"pad {pad} is not smaller than kernel_size {kernel}; choose less")
        made = rounded((side + 2 * pad - kernel) / stride) + 1
        # Caffe drops a last window that starts beyond the padded image, and only where pad > 0.
        if pad and (made - 1) * stride >= side + pad:
            made -= 1
        if (made - 1) * stride >= side + pad:
            raise PlanError(
                f"its last window lies outside of the image (side {side}, kernel {kernel}, stride"
                f" {stride}); choose a stride no larger than the kernel"
            )
        out.append(_whole(side, kernel, made))
    return [(n, c, *out)]


def inner_product(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """(n, ...) -> (n, num_output): all that follows `axis` is one vector."""
    return [(*bottoms[0][: args["axis"]], args["num_output"])]


def flatten(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """(n, c, h, w) -> (n, c h w)."""
    return [(bottoms[0][0], math.prod(bottoms[0][1:]))]


def concat(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """Bottoms that agree but on one axis -> one blob, long on that axis."""
    axis = args["axis"]
    for shape in bottoms:
        if len(shape) <= axis or _without(shape, axis) != _without(bottoms[0], axis):
            raise PlanError(
                f"reads {_list(bottoms)}, which differ off axis {axis}; make the other sides equal"
            )
    joined = sum(shape[axis] for shape in bottoms)
    return [(*bottoms[0][:axis], joined, *bottoms[0][axis + 1 :])]


def eltwise(args: Args, bottoms: Sequence[Shape]) -> list[Shape]:
    """Bottoms of one shape -> that shape. Caffe never broadcasts here."""
    if any(shape != bottoms[0] for shape in bottoms):
        raise PlanError(f"reads {_list(bottoms)}; Eltwise wants equal shapes")
    coefficients = args["coeff"]
    if coefficients and (args["operation"] != "SUM" or len(coefficients) != len(bottoms)):
        raise PlanError(
            f"has {len(coefficients)} coeff for {len(bottoms)} bottoms and operation"
            f" {args['operation']}; give one a bottom, with SUM"
        )
    return [bottoms[0]]


def _image(shape: Shape) -> Shape:
    if len(shape) != 4:
        raise PlanError(f"reads {shape}; it wants (batch, channels, height, width)")
    return shape


def _windows(args: Args, sides: Sequence[int]) -> list[tuple[int, ...]]:
    """(side, kernel, stride, pad, dilation) for height and for width."""
    names = ("kernel_size", "stride", "pad", "dilation")
    rows = [pair(args[name]) for name in names]
    for name, row, least in zip(names, rows, (1, 1, 0, 1), strict=True):
        if min(row) < least:
            raise PlanError(f"{name} is {row[0]}, {row[1]}; it must be at least {least}")
    return list(zip(sides, *rows, strict=True))


def _whole(side: int, kernel: int, made: int) -> int:
    if made < 1:
        raise PlanError(
            f"its kernel of {kernel} does not fit a side of {side}; take a larger in_size"
        )
    return made


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _list(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(str, shapes))
