"""Layers that go over an image by windows of weights, as nodes of ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.plan.layers.convolution import windows
from deelish.plan.shapes import Args, axis_of


def convolution(x: Sequence[str], a: Args, c: LayerWriter, group: int) -> list[str]:
    """One top a bottom, each through the same weights."""
    return [_windowed("Conv", name, a, c, group) for name in x]


def _windowed(op: str, x: str, a: Args, c: LayerWriter, group: int) -> str:
    """A Conv or a ConvTranspose, all axes before its channels made one: ONNX knows one."""
    axis = axis_of(a["axis"], len(c.bottoms[0]))
    old, new = c.bottoms[0], c.tops[0]
    batch = math.prod(old[:axis])
    x = c.reshaped(x, old, (batch, *old[axis:]))
    weights = [c.names[name] for name in ("weight", "bias") if name in c.names]
    y = c.node(op, x, *weights, group=group, **_window(a, len(old) - axis - 1))
    return c.reshaped(y, (batch, *new[axis:]), new)


def _window(a: Args, axes: int) -> dict[str, Any]:
    kernels, strides, pads, dilations = zip(*windows(a, axes), strict=True)
    return {
        "kernel_shape": kernels,
        "strides": strides,
        "pads": pads * 2,
        "dilations": dilations,
    }


def _im2col(x: str, a: Args, c: LayerWriter) -> str:
    """A convolution whose filters each hold one 1: ONNX has no layer of its own for it."""
    axis = axis_of(a["axis"], len(c.bottoms[0]))
    batch, channels = math.prod(c.bottoms[0][:axis]), c.bottoms[0][axis]
    window = _window(a, len(c.bottoms[0]) - axis - 1)
    places = math.prod(window["kernel_shape"])
    one = np.eye(places, dtype=np.float32).reshape(places, 1, *window["kernel_shape"])
    x = c.reshaped(x, c.bottoms[0], (batch, *c.bottoms[0][axis:]))
    weight = c.floats(np.concatenate([one] * channels))
    y = c.node("Conv", x, weight, group=channels, **window)
    return c.reshaped(y, (batch, *c.tops[0][axis:]), c.tops[0])


NODES: dict[str, Write] = {
    "Convolution": lambda x, a, c: convolution(x, a, c, a["group"]),
    "Deconvolution": lambda x, a, c: [
        _windowed("ConvTranspose", name, a, c, a["group"]) for name in x
    ],
    "Im2col": lambda x, a, c: _im2col(x[0], a, c),
}
