"""Kinds that gather neighbourhoods without weights: Pooling, SPP."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from deelish.errors import PlanError
from deelish.plan.kind import REQUIRED, LayerKind
from deelish.plan.layers.convolution import Window, whole, windows
from deelish.plan.shapes import Args, Shape, image


def pooled(bounds: Sequence[Window], sides: Sequence[int], floor: bool = False) -> tuple[int, ...]:
    """How many windows each side has, by Caffe's rule (pooling_layer.cpp).

    Args:
        bounds: the window of each side.
        sides: height and width, in pixels.
        floor: round down, as `round_mode` FLOOR does; Caffe's default is to round up.

    Raises:
        PlanError: a pad as large as its window, or no window.
    """
    made = []
    for side, w in zip(sides, bounds, strict=True):
        if w.pad >= w.kernel:
            raise PlanError(f"pad {w.pad} is not smaller than kernel_size {w.kernel}; choose less")
        room = side + 2 * w.pad - w.kernel
        count = (room // w.stride if floor else -(-room // w.stride)) + 1
        # A last window beyond the padded image is dropped, but only where some axis is padded.
        if any(each.pad for each in bounds) and (count - 1) * w.stride >= side + w.pad:
            count -= 1
        made.append(whole(side, w.kernel, count))
    return tuple(made)


def pooling_windows(args: Args, sides: Sequence[int]) -> list[Window]:
    """The window of each side; that of global pooling is the whole image."""
    if not args["global_pooling"]:
        if args["kernel_size"] is None:
            raise PlanError("has no kernel_size; give one, or global_pooling=True")
        return windows(args, len(sides))
    if args["kernel_size"] is not None:
        raise PlanError("has both kernel_size and global_pooling; keep one of the two")
    given = windows({**args, "kernel_size": 1}, len(sides))
    if any(w != Window(1) for w in given):
        raise PlanError("has global_pooling with a pad or a stride; leave them out")
    return [Window(side) for side in sides]


def pyramid(height: int, sides: Sequence[int]) -> Iterator[list[Window]]:
    """The windows of each level of an SPP: 1, 2, 4, ... bins a side (spp_layer.cpp).

    One after another: a level that does not fit ends a pyramid of any height.
    """
    for bins in (2**level for level in range(height)):
        kernels = [-(-side // bins) for side in sides]
        pads = [
            (kernel * bins - side + 1) // 2 for side, kernel in zip(sides, kernels, strict=True)
        ]
        yield [Window(k, k, pad) for k, pad in zip(kernels, pads, strict=True)]


def pooling(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c, ceil((h + 2 pad - kernel) / stride) + 1, ...), or (n, c, 1, 1).

    A second top of MAX holds the place of each maximum, h * W + w in the image, as float32.
    """
    n, c, *sides = image(bottoms[0])
    if tops == 2 and args["pool"] != "MAX":
        raise PlanError(f"makes 2 blobs with pool {args['pool']}; only MAX has a mask")
    made = pooled(pooling_windows(args, sides), sides, args["round_mode"] == "FLOOR")
    return [(n, c, *made)] * tops


def spp(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> (n, c * places of all levels); with one level (n, c, 1, 1).

    Spatial pyramid pooling of He et al. 2014. Caffe neither flattens nor joins a single level.
    """
    n, c, *sides = image(bottoms[0])
    height = args["pyramid_height"]
    if not isinstance(height, int) or height < 1:
        raise PlanError(f"pyramid_height is {height!r}; give a whole number above 0")
    made = [pooled(level, sides) for level in pyramid(height, sides)]
    if height == 1:
        return [(n, c, *made[0])]
    return [(n, c * sum(map(math.prod, made)))]


# Caffe has STOCHASTIC pooling too, for GPUs alone.
_POOLS = ("MAX", "AVE")

KINDS = {
    "Pooling": LayerKind(
        {"pool": "MAX", "kernel_size": None, "stride": 1, "pad": 0}
        | {"global_pooling": False, "round_mode": "CEIL"},
        pooling,
        tops=(1, 2),
        choices={"pool": _POOLS, "round_mode": ("CEIL", "FLOOR")},
    ),
    "SPP": LayerKind({"pyramid_height": REQUIRED, "pool": "MAX"}, spp, choices={"pool": _POOLS}),
}
