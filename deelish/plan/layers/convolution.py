"""Kinds that go over an image by windows of weights: Convolution, Deconvolution, Im2col."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from deelish.errors import PlanError
from deelish.plan.kind import MANY, REQUIRED, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of, listed
from deelish.plan.weights import WEIGHTED, products_by_tops, weight_and_bias

# The arguments of a convolution's window, and the least that each may be.
_LEAST = {"kernel_size": 1, "stride": 1, "pad": 0, "dilation": 1}


class Window(NamedTuple):
    """The window of one spatial axis."""

    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """How many places it spans."""
        return self.dilation * (self.kernel - 1) + 1


def windows(args: Args, axes: int) -> list[Window]:
    """The window of each spatial axis, from arguments of one number or one an axis."""
    found = [_sides(name, args[name], axes) for name in _LEAST if name in args]
    return [Window(*numbers) for numbers in zip(*found, strict=True)]


def _sides(name: str, value: Any, axes: int) -> tuple[int, ...]:
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) not in (1, axes) or not all(isinstance(n, int) for n in numbers):
        several = f" or {axes} of them" if axes > 1 else ""
        raise PlanError(f"{value!r} is no whole number; give {name} as one{several}")
    if min(numbers) < _LEAST[name]:
        raise PlanError(
            f"{name} is {', '.join(map(str, numbers))}; it must be at least {_LEAST[name]}"
        )
    return numbers * (axes // len(numbers))


def whole(side: int, kernel: int, made: int) -> int:
    """How many windows a side has; PlanError where there is none."""
    if made < 1:
        raise PlanError(
            f"its kernel of {kernel} does not fit a side of {side}; take a larger in_size"
        )
    return made


def _spatial(args: Args, shape: Shape) -> tuple[Shape, int, Shape]:
    """The axes of the batch, the channels, and one to three spatial axes."""
    axis = axis_of(args["axis"], len(shape))
    sides = shape[axis + 1 :]
    if not 1 <= len(sides) <= 3:
        raise PlanError(
            f"reads {shape}, which has {len(sides)} axes after axis {axis}, its channels;"
            " windows go over 1, 2 or 3"
        )
    return shape[:axis], shape[axis], sides


def _equal(bottoms: Sequence[Shape], tops: int) -> None:
    if any(shape != bottoms[0] for shape in bottoms):
        raise PlanError(f"reads {listed(bottoms)}; several bottoms are of one shape")
    if tops != len(bottoms):
        raise PlanError(f"reads {len(bottoms)} blobs and makes {tops}; give one top a bottom")


def _check_group(args: Args, channels: int) -> None:
    group = args["group"]
    if not isinstance(group, int) or group < 1:
        raise PlanError(f"group is {group!r}; give a whole number above 0")
    if channels % group or args["num_output"] % group:
        raise PlanError(
            f"{channels} channels in and num_output {args['num_output']} do not divide into"
            f" group {group}; choose numbers that do"
        )


def convolution(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, num_output, floor((h + 2 pad - extent) / stride) + 1, ...).

    The channels are on `axis`; all axes before it are batch. Several bottoms of one shape go
    through the same weights, each to its own top.
    """
    _equal(bottoms, tops)
    batch, channels, sides = _spatial(args, bottoms[0])
    _check_group(args, channels)
    out = [
        whole(side, w.kernel, (side + 2 * w.pad - w.extent) // w.stride + 1)
        for side, w in zip(sides, windows(args, len(sides)), strict=True)
    ]
    return [(*batch, args["num_output"], *out)] * tops


def deconvolution(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, num_output, stride (h - 1) + extent - 2 pad, ...), as `convolution`."""
    _equal(bottoms, tops)
    batch, channels, sides = _spatial(args, bottoms[0])
    _check_group(args, channels)
    out = []
    for side, w in zip(sides, windows(args, len(sides)), strict=True):
        out.append(w.stride * (side - 1) + w.extent - 2 * w.pad)
        if out[-1] < 1:
            raise PlanError(f"its pad of {w.pad} leaves nothing of a side of {side}; choose less")
    return [(*batch, args["num_output"], *out)] * tops


def im2col(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c * kernel height * kernel width, as `convolution`...)."""
    batch, channels, _ = _spatial(args, bottoms[0])
    made = convolution({**args, "num_output": 1, "group": 1}, bottoms, tops)[0][len(batch) + 1 :]
    kernels = math.prod(w.kernel for w in windows(args, len(made)))
    return [(*batch, channels * kernels, *made)]


def convolution_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight (num_output, c / group, kernel...) and bias (num_output)."""
    _, channels, sides = _spatial(args, bottoms[0])
    kernel = [w.kernel for w in windows(args, len(sides))]
    return weight_and_bias(args, (args["num_output"], channels // args["group"], *kernel))


def deconvolution_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight (c, num_output / group, kernel...) and bias (num_output)."""
    _, channels, sides = _spatial(args, bottoms[0])
    kernel = [w.kernel for w in windows(args, len(sides))]
    return weight_and_bias(args, (channels, args["num_output"] // args["group"], *kernel))


_WINDOW = {"kernel_size": REQUIRED, "stride": 1, "pad": 0, "dilation": 1, "axis": 1}
CONVOLUTION = {"num_output": REQUIRED, **_WINDOW, "group": 1, **WEIGHTED}


def scattered(args: Args, blobs: Blobs, bottoms: Sequence[Shape], tops: Sequence[Shape]) -> int:
    """Every place of each bottom is a product with the weights that lead away from it."""
    weight = blobs["weight"]
    return sum(weight.size * (math.prod(bottom[1:]) // weight.shape[0]) for bottom in bottoms)


KINDS = {
    "Convolution": LayerKind(
        CONVOLUTION,
        convolution,
        convolution_weights,
        bottoms=(1, MANY),
        tops=(1, MANY),
        products=products_by_tops,
    ),
    "Deconvolution": LayerKind(
        CONVOLUTION,
        deconvolution,
        deconvolution_weights,
        bottoms=(1, MANY),
        tops=(1, MANY),
        products=scattered,
    ),
    "Im2col": LayerKind(_WINDOW, im2col),
}
