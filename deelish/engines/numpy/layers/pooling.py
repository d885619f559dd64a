"""Layers that gather neighbourhoods without weights, in NumPy: Pooling, SPP."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers.convolution import Window
from deelish.plan.layers.pooling import pooled, pooling_windows, pyramid
from deelish.plan.layers.pooling import spp as spp_shapes

# What Caffe's maximum begins with, and keeps where a window has no pixel: minus FLT_MAX.
_LOWEST = float(np.finfo(np.float32).min)


def _spans(window: Window, side: int, count: int) -> list[tuple[slice, int]]:
    """Of each window of a side, the pixels in it, and its length with what is padding.

    Caffe's length ends with the padded image, and so can be 0 or less (pooling_layer.cpp).
    """
    spans = []
    for i in range(count):
        start = i * window.stride - window.pad
        end = min(start + window.kernel, side + window.pad)
        spans.append((slice(max(start, 0), min(end, side)), end - start))
    return spans


def _pool(x: Array, bounds: Sequence[Window], floor: bool, method: str) -> list[Array]:
    """Maxima and their indices, or averages, of the windows of (n, c, h, w).

    An index is row * w + column, the first of equal ones, or -1 where the window has no pixel. The
    sum of a window is divided by its area, padding and all.
    """
    height, width = x.shape[2:]
    made = pooled(bounds, (height, width), floor)
    y, indices = np.zeros((*x.shape[:2], *made)), np.zeros((*x.shape[:2], *made))
    numbers = np.arange(height * width).reshape(height, width)
    rows, columns = _spans(bounds[0], height, made[0]), _spans(bounds[1], width, made[1])
    for (i, (row, high)), (j, (column, wide)) in product(enumerate(rows), enumerate(columns)):
        values = x[:, :, row, column].reshape(*x.shape[:2], -1)
        if method == "AVE":
            y[:, :, i, j] = values.sum(2) / np.float64(high * wide)
        elif values.size:
            y[:, :, i, j] = values.max(2)
            indices[:, :, i, j] = numbers[row, column].ravel()[values.argmax(2)]
        else:
            y[:, :, i, j], indices[:, :, i, j] = _LOWEST, -1
    return [y, indices]


def _pooling(x: Array, a: Args, tops: int) -> list[Array]:
    bounds = pooling_windows(a, x.shape[2:])
    return _pool(x, bounds, a["round_mode"] == "FLOOR", a["pool"])[:tops]


def _spp(x: Array, a: Args) -> Array:
    """The windows of every level one after another (He et al. 2014)."""
    levels = pyramid(a["pyramid_height"], x.shape[2:])
    tops = [_pool(x, level, False, a["pool"])[0] for level in levels]
    joined = np.concatenate([y.reshape(len(x), -1) for y in tops], 1)
    return joined.reshape(spp_shapes(a, [x.shape], 1)[0])


OPS: dict[str, Op] = {
    "Pooling": lambda x, p, a, c: _pooling(x[0], a, c.tops),
    "SPP": lambda x, p, a, c: _spp(x[0], a),
}
