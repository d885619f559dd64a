"""Layers that gather neighbourhoods without weights, as nodes of ONNX: Pooling, SPP."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.errors import PlanError
from deelish.formats.onnx.layer_writer import FLOAT, LayerWriter, Write
from deelish.plan.layers.convolution import Window
from deelish.plan.layers.pooling import pooled, pooling_windows, pyramid
from deelish.plan.shapes import Args

Sides = tuple[int, ...]
_LOWEST = float(np.finfo(np.float32).min)
_NONE = (0, 0)
_OPS = {"MAX": "MaxPool", "AVE": "AveragePool"}


def _pooling(x: str, a: Args, c: LayerWriter) -> str | list[str]:
    if a["global_pooling"] and len(c.tops) == 1:
        return c.node(f"Global{_OPS[a['pool']]}", x)
    bounds = pooling_windows(a, c.bottoms[0][2:])
    floor = a["round_mode"] == "FLOOR"
    if len(c.tops) == 2:
        return _maxima_and_indices(x, c, bounds, floor)
    return _pool(x, c, bounds, a["pool"], floor)


def _ends(bounds: Sequence[Window], floor: bool, clipped: bool) -> Sides:
    """The pads at the ends with which ONNX's count of windows is Caffe's, for images of any size.

    A pad of stride - 1 more makes rounding down what rounding up was: runtimes differ in what they
    make of `ceil_mode`. One of kernel - 1 at most drops a last window that is beyond the image,
    as Caffe does where some axis is padded.
    """
    if floor:
        return tuple(w.pad for w in bounds)
    ends = [w.pad + w.stride - 1 for w in bounds]
    if clipped:
        ends = [min(end, w.kernel - 1) for end, w in zip(ends, bounds, strict=True)]
    return tuple(ends)


def _window(bounds: Sequence[Window], starts: Sides, ends: Sides) -> dict[str, Any]:
    """The attributes of a pooling operator."""
    kernels, strides, _, _ = zip(*bounds, strict=True)
    return {"kernel_shape": kernels, "strides": strides, "pads": (*starts, *ends)}


def _pool(x: str, c: LayerWriter, bounds: Sequence[Window], method: str, floor: bool) -> str:
    starts, ends = tuple(w.pad for w in bounds), _ends(bounds, floor, any(w.pad for w in bounds))
    if any(end >= w.kernel for end, w in zip(ends, bounds, strict=True)):
        return _beyond(x, c, bounds, method, ends)
    if method == "MAX":
        return c.node("MaxPool", x, **_window(bounds, starts, ends))
    # Caffe divides by the window clipped at the image and its pad, so that the pad counts and
    # what reaches beyond it does not.
    if any(starts) and ends != starts:
        x = _padded(x, c, (*starts, *starts), 0)
        ends = tuple(map(operator.sub, ends, starts))
        starts = _NONE
    whole = int(ends == starts)
    return c.node("AveragePool", x, **_window(bounds, starts, ends), count_include_pad=whole)


def _padded(x: str, c: LayerWriter, pads: Sides, value: float) -> str:
    top, left, bottom, right = pads
    return c.node("Pad", x, c.whole(0, 0, top, left, 0, 0, bottom, right), c.floats(value))


def _beyond(x: str, c: LayerWriter, bounds: Sequence[Window], method: str, ends: Sides) -> str:
    """Windows of which the last may be wholly outside the image, which the operators refuse."""
    x = _padded(x, c, (*_NONE, *ends), _LOWEST if method == "MAX" else 0)
    y = c.node(_OPS[method], x, **_window(bounds, _NONE, _NONE))
    return y if method == "MAX" else c.node("Mul", y, c.floats(_factors(c.bottoms[0][2:], bounds)))


def _factors(sides: Sequence[int], bounds: Sequence[Window]) -> np.ndarray:
    """By how much Caffe's mean is larger than one over whole windows: (height, width).

    Caffe divides by the window clipped at the image: by 0 where the two do not meet.
    """
    rows = []
    for side, w, count in zip(sides, bounds, pooled(bounds, sides), strict=True):
        starts = np.arange(count) * w.stride
        rows.append(np.minimum(starts + w.kernel, side) - starts)
    with np.errstate(divide="ignore"):
        return math.prod(w.kernel for w in bounds) / np.multiply.outer(*rows)


def _maxima_and_indices(x: str, c: LayerWriter, bounds: Sequence[Window], floor: bool) -> list[str]:
    """ONNX counts indices through the whole batch, Caffe within each image."""
    sides = c.bottoms[0][2:]
    counts = zip(bounds, sides, pooled(bounds, sides, floor), strict=True)
    if any((count - 1) * w.stride >= side + w.pad for w, side, count in counts):
        raise PlanError("has windows outside the image, whose maximum ONNX finds nowhere")
    window = _window(bounds, tuple(w.pad for w in bounds), _ends(bounds, floor, True))
    y, indices = c.nodes("MaxPool", x, outputs=2, **window)
    within = c.node("Mod", indices, c.whole(math.prod(sides)))
    return [y, c.node("Cast", within, to=FLOAT)]


def _spp(x: str, a: Args, c: LayerWriter) -> str:
    levels = pyramid(a["pyramid_height"], c.bottoms[0][2:])
    tops = [_pool(x, c, level, a["pool"], False) for level in levels]
    if len(tops) == 1:
        return tops[0]
    return c.node("Concat", *(c.node("Flatten", y, axis=1) for y in tops), axis=1)


NODES: dict[str, Write] = {
    "Pooling": lambda x, a, c: _pooling(x[0], a, c),
    "SPP": lambda x, a, c: _spp(x[0], a, c),
}
