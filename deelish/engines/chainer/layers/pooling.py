"""Layers that gather neighbourhoods without weights, in Chainer: Pooling, SPP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.chainer.layers.maxima import maxima
from deelish.plan.layers.convolution import Window
from deelish.plan.layers.pooling import pooled, pooling_windows, pyramid

chainer = import_chainer()
F = chainer.functions

_LOWEST = float(np.finfo(np.float32).min)


class _Grid(NamedTuple):
    """By axis of an image: its side, its window, and how many windows it has."""

    sides: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    made: tuple[int, ...]


def _grid(bounds: Sequence[Window], sides: Sequence[int], floor: bool = False) -> _Grid:
    kernels, strides, pads, _ = zip(*bounds, strict=True)
    return _Grid(tuple(sides), kernels, strides, pads, pooled(bounds, sides, floor))


def _pooling(x: Variable, a: Args, tops: int) -> Variable | list[Variable]:
    if a["global_pooling"] and a["pool"] == "AVE":
        return F.average(x, (2, 3), keepdims=True)
    sides = x.shape[2:]
    grid = _grid(pooling_windows(a, sides), sides, a["round_mode"] == "FLOOR")
    if tops == 2:
        return _maxima_and_indices(x, grid)
    return _pool(x, grid, a["pool"])


def _pool(x: Variable, grid: _Grid, method: str) -> Variable:
    """Chainer counts windows by a rule of its own, so it is given all of them, and no pad."""
    if method == "MAX":
        padded = _padded(x, grid, _LOWEST)
        if isinstance(padded.array, np.ndarray):
            return maxima(padded, grid.kernels, grid.strides, grid.made)
        return F.max_pooling_2d(padded, grid.kernels, grid.strides, cover_all=False)
    y = F.average_pooling_2d(_padded(x, grid, 0.0), grid.kernels, grid.strides)
    factors = _factors(grid)
    if np.all(factors == 1):
        return y
    return y * chainer.backend.get_array_module(x).asarray(factors)


def _factors(grid: _Grid) -> np.ndarray:
    """Caffe divides by the window clipped at the padded image: by 0 where the two do not meet."""
    spans = []
    for side, kernel, stride, pad, made in zip(*grid, strict=True):
        starts = np.arange(made) * stride - pad
        spans.append(np.minimum(starts + kernel, side + pad) - starts)
    sizes = np.outer(*spans)
    factors = np.full(sizes.shape, np.nan, np.float32)
    np.divide(math.prod(grid.kernels), sizes, out=factors, where=sizes != 0, casting="same_kind")
    return factors


def _maxima_and_indices(x: Variable, grid: _Grid) -> list[Variable]:
    """Caffe takes the first of equal maxima, as Chainer does, and -1 where there is none."""
    y, inside = F.max_pooling_2d(
        _padded(x, grid, _LOWEST), grid.kernels, grid.strides, cover_all=False, return_indices=True
    )
    xp = chainer.backend.get_array_module(x)
    # Chainer's are the indices in each window.
    inner = inside // grid.kernels[1], inside % grid.kernels[1]
    starts = [
        xp.arange(made) * stride - pad
        for made, stride, pad in zip(grid.made, grid.strides, grid.pads, strict=True)
    ]
    row, column = starts[0][:, None] + inner[0], starts[1] + inner[1]
    indices = xp.where(y.array > _LOWEST, row * grid.sides[1] + column, -1)
    return [y, chainer.Variable(indices.astype(x.dtype))]


def _padded(x: Variable, grid: _Grid, value: float) -> Variable:
    """The image with what its windows cover around it."""
    widths = [(0, 0), (0, 0)]
    for side, kernel, stride, pad, made in zip(*grid, strict=True):
        widths.append((pad, max(0, (made - 1) * stride + kernel - side - pad)))
    if not any(map(any, widths)):
        return x
    return F.pad(x, widths, "constant", constant_values=value)


def _spp(x: Variable, a: Args) -> Variable:
    sides = x.shape[2:]
    tops = [
        _pool(x, _grid(level, sides), a["pool"]) for level in pyramid(a["pyramid_height"], sides)
    ]
    if len(tops) == 1:
        return tops[0]
    return F.concat([y.reshape(len(y), -1) for y in tops])


OPS: dict[str, Op] = {
    "Pooling": lambda x, p, a, c: _pooling(x[0], a, c.tops),
    "SPP": lambda x, p, a, c: _spp(x[0], a),
}
