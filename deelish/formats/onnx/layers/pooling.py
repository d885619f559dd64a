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

_LOWEST = np.finfo(np.float32).min
_OPS = {"MAX": "MaxPool", "AVE": "AveragePool"}


def _pooling(x: str, a: Args, c: LayerWriter) -> str | list[str]:
    if a["global_pooling"] and len(c.tops) == 1:
        return c.node(f"Global{_OPS[a['pool']]}", x)
    bounds = pooling_windows(a, c.bottoms[0][2:])
    floor = a["round_mode"] == "FLOOR"
    if len(c.tops) == 1:
        return _pool(x, c, bounds, a["pool"], floor)
    return _maxima_and_indices(x, c, bounds, floor)


def _window(sides: Sequence[int], bounds: Sequence[Window], floor: bool) -> dict[str, Any]:
    """The attributes of a pooling operator.

    The pads at the ends reach as far as the last window does. So they make ONNX's count of windows
    Caffe's: runtimes differ in what they make of `ceil_mode`.
    """
    kernels, strides, pads, _ = zip(*bounds, strict=True)
    ends = tuple(
        max(0, (count - 1) * w.stride + w.kernel - side - w.pad)
        for side, w, count in zip(sides, bounds, pooled(bounds, sides, floor), strict=True)
    )
    return {"kernel_shape": kernels, "strides": strides, "pads": (*pads, *ends)}


def _reaches_out(window: dict[str, Any]) -> bool:
    """Whether a window is wholly outside the image, which the operators refuse."""
    return any(map(operator.ge, window["pads"], window["kernel_shape"] * 2))


def _pool(x: str, c: LayerWriter, bounds: Sequence[Window], method: str, floor: bool) -> str:
    sides = c.bottoms[0][2:]
    window = _window(sides, bounds, floor)
    if _reaches_out(window):
        top, left, bottom, right = window["pads"]
        fill = c.floats(_LOWEST if method == "MAX" else 0)
        x = c.node("Pad", x, c.whole(0, 0, top, left, 0, 0, bottom, right), fill)
        window["pads"] = (0, 0, 0, 0)
    if method == "MAX":
        return c.node("MaxPool", x, **window)
    y = c.node("AveragePool", x, **window, count_include_pad=1)
    factors = _factors(sides, bounds, pooled(bounds, sides, floor))
    return y if (factors == 1).all() else c.node("Mul", y, c.floats(factors))


def _factors(sides: Sequence[int], bounds: Sequence[Window], made: Sequence[int]) -> np.ndarray:
    """By how much Caffe's mean is larger than one over whole windows: (height, width).

    Caffe divides by the window clipped at the image and its pad: by 0 where the two do not meet.
    """
    rows = []
    for side, w, count in zip(sides, bounds, made, strict=True):
        starts = np.arange(count) * w.stride - w.pad
        rows.append(np.minimum(starts + w.kernel, side + w.pad) - starts)
    with np.errstate(divide="ignore"):
        return math.prod(w.kernel for w in bounds) / np.multiply.outer(*rows)


def _maxima_and_indices(x: str, c: LayerWriter, bounds: Sequence[Window], floor: bool) -> list[str]:
    """ONNX counts indices through the whole batch, Caffe within each image."""
    sides = c.bottoms[0][2:]
    window = _window(sides, bounds, floor)
    if _reaches_out(window):
        raise PlanError("has windows outside the image, whose maximum ONNX finds nowhere")
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
