"""Layers that gather neighbourhoods without weights, in PyTorch: Pooling, SPP."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.torch.layers.by_image import (
    goes_by_image,
    maxima_around,
    maxima_of_steps,
)
from deelish.engines.torch.layers.call import Args, Op
from deelish.plan.layers.convolution import Window
from deelish.plan.layers.pooling import pooled, pooling_windows, pyramid

# Kernels, strides and pads of the 3 x 3 pixels around each, and of those in steps of two.
AROUND = ((3, 3), (1, 1), (1, 1))
STEPS = ((3, 3), (2, 2), (0, 0))


class _Grid(NamedTuple):
    """How many windows each side of an image has, and where they are.

    `plain` is set where torch's own pooling has these very windows: it takes pads up to half a
    window, and where it rounds up it drops every window that starts beyond the padded image.
    """

    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    made: tuple[int, ...]
    ceil: bool
    plain: bool


def _grid(bounds: Sequence[Window], sides: Sequence[int], floor: bool) -> _Grid:
    made = pooled(bounds, sides, floor)
    plain = all(
        2 * w.pad <= w.kernel and (count - 1) * w.stride < side + w.pad
        for side, w, count in zip(sides, bounds, made, strict=True)
    )
    kernels, strides, pads, _ = zip(*bounds, strict=True)
    return _Grid(kernels, strides, pads, made, not floor, plain)


@lru_cache(maxsize=1024)
def _grid_of(args: tuple[tuple[str, object], ...], sides: tuple[int, int]) -> _Grid:
    """The grid of a Pooling layer; working it out takes longer than pooling a small image."""
    a = dict(args)
    return _grid(pooling_windows(a, sides), sides, a["round_mode"] == "FLOOR")


def pool(x: Tensor, a: Args) -> Tensor:
    """The one top of a Pooling layer."""
    if a["global_pooling"] and a["pool"] == "AVE":
        return x.mean((2, 3), keepdim=True)
    return _pool(x, _of(x, a), a["pool"])


def has_pixels_in_every_window(x: Tensor, a: Args) -> bool:
    """Whether it is sure that no window of a Pooling layer is wholly in its padding."""
    return _of(x, a).plain


def _of(x: Tensor, a: Args) -> _Grid:
    return _grid_of(tuple(a.items()), (x.shape[2], x.shape[3]))


def _pool(x: Tensor, grid: _Grid, method: str) -> Tensor:
    if method == "MAX" and goes_by_image(x):
        if grid[:3] == AROUND:
            return maxima_around(x)
        if grid[:3] == STEPS and grid.made == (x.shape[2] // 2, x.shape[3] // 2):
            return maxima_of_steps(x)
    gather: Callable[..., Tensor] = F.avg_pool2d if method == "AVE" else F.max_pool2d
    if grid.plain:
        return gather(x, grid.kernels, grid.strides, grid.pads, ceil_mode=grid.ceil)
    if method == "MAX":
        return gather(_padded(x, grid, torch.finfo(x.dtype).min), grid.kernels, grid.strides)
    sums = gather(_padded(x, grid, 0.0), grid.kernels, grid.strides, divisor_override=1)
    average: Tensor = sums / _spans(x, grid)
    return average


def _spans(x: Tensor, grid: _Grid) -> Tensor:
    """By how many pixels each window divides: by 0 where it does not meet the padded image.

    Caffe clips the window there.
    """
    spans = []
    for side, made, kernel, stride, pad in zip(x.shape[2:], *_rows(grid), strict=True):
        starts = torch.arange(made, device=x.device) * stride - pad
        spans.append((starts + kernel).clamp(max=side + pad) - starts)
    product: Tensor = spans[0][:, None] * spans[1]
    return product


def pool_plainly(x: Tensor, a: Args) -> Tensor:
    """The same as `pool`, by operations that mean the same in every runtime.

    What a window divides by that the image's end clips, some of them see in another way.
    """
    grid = _of(x, a)
    clipped = [
        (made - 1) * stride + kernel > side + 2 * pad
        for side, made, kernel, stride, pad in zip(x.shape[2:], *_rows(grid), strict=True)
    ]
    if a["pool"] != "AVE" or a["global_pooling"] or not any(clipped) or not grid.plain:
        return pool(x, a)
    means = F.avg_pool2d(_padded(x, grid, 0.0), grid.kernels, grid.strides)
    made: Tensor = means * (math.prod(grid.kernels) / _spans(x, grid))
    return made


def _maxima_and_indices(x: Tensor, grid: _Grid) -> list[Tensor]:
    """Caffe takes the first of equal maxima, as torch does, and -1 where there is none."""
    if grid.plain:
        y, indices = F.max_pool2d(
            x, grid.kernels, grid.strides, grid.pads, ceil_mode=grid.ceil, return_indices=True
        )
        return [y, indices.to(_exact(x))]
    lowest = torch.finfo(x.dtype).min
    padded = _padded(x, grid, lowest)
    y, indices = F.max_pool2d(padded, grid.kernels, grid.strides, return_indices=True)
    side = padded.shape[3]
    row, column = indices // side - grid.pads[0], indices % side - grid.pads[1]
    indices = torch.where(y > lowest, row * x.shape[3] + column, -1)
    return [y, indices.to(_exact(x))]


def _exact(x: Tensor) -> torch.dtype:
    """A type that holds every index: reduced precision is exact up to 256."""
    return torch.promote_types(x.dtype, torch.float32)


def _padded(x: Tensor, grid: _Grid, value: float) -> Tensor:
    """The image with what its windows cover around it, and no more."""
    ends = []
    for side, made, kernel, stride, pad in zip(x.shape[2:], *_rows(grid), strict=True):
        ends += [(made - 1) * stride + kernel - side - pad, pad]
    return F.pad(x, ends[::-1], value=value)


def _rows(grid: _Grid) -> tuple[tuple[int, ...], ...]:
    return grid.made, grid.kernels, grid.strides, grid.pads


def _spp(x: Tensor, a: Args) -> Tensor:
    levels = pyramid(a["pyramid_height"], x.shape[2:])
    tops = [_pool(x, _grid(level, x.shape[2:], False), a["pool"]) for level in levels]
    return tops[0] if len(tops) == 1 else torch.cat([y.flatten(1) for y in tops], 1)


OPS: dict[str, Op] = {
    "Pooling": lambda x, p, a, c: (
        _maxima_and_indices(x[0], _of(x[0], a)) if c.tops == 2 else pool(x[0], a)
    ),
    "SPP": lambda x, p, a, c: _spp(x[0], a),
}
