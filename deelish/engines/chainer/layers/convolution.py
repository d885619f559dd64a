"""Layers that go over an image by windows of weights, in Chainer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.operators import each_bottom
from deelish.plan.layers.convolution import windows
from deelish.plan.shapes import axis_of

chainer = import_chainer()
F = chainer.functions


def convolution(x: Sequence[Variable], p: Any, a: Args, group: int) -> list[Variable]:
    """One top a bottom, each through the same weights."""
    _, strides, pads, dilations = _numbers(a, p.weight.ndim - 2)

    def run(each: Variable) -> Variable:
        return F.convolution_nd(
            each, p.weight, p.bias, strides, pads, dilate=dilations, groups=group
        )

    return each_bottom(x, p.weight.ndim, run)


def _deconvolution(x: Sequence[Variable], p: Any, a: Args) -> list[Variable]:
    _, strides, pads, dilations = _numbers(a, p.weight.ndim - 2)

    def run(each: Variable) -> Variable:
        # deconvolution_2d has no gradient by its weights alone.
        return F.deconvolution_nd(
            each, p.weight, p.bias, strides, pads, dilate=dilations, groups=a["group"]
        )

    return each_bottom(x, p.weight.ndim, run)


def _numbers(a: Args, axes: int) -> tuple[tuple[int, ...], ...]:
    """Kernels, strides, pads and dilations, one an axis: Chainer takes no tuple of one for all."""
    return tuple(zip(*windows(a, axes), strict=True))


def _im2col(x: Variable, a: Args) -> Variable:
    """Each window's pixels as channels, ordered by channel, then by position in the window.

    Chainer's own is for images alone. This is a convolution of each channel by itself, with
    weights of which each takes one pixel.
    """
    axis = axis_of(a["axis"], x.ndim)
    kernels, strides, pads, dilations = _numbers(a, x.ndim - axis - 1)
    count = math.prod(kernels)
    takes = chainer.backend.get_array_module(x).eye(count, dtype=x.dtype)
    y = F.convolution_nd(
        x.reshape(-1, 1, *x.shape[axis + 1 :]),
        takes.reshape(count, 1, *kernels),
        None,
        strides,
        pads,
        dilate=dilations,
    )
    return y.reshape(*x.shape[:axis], x.shape[axis] * count, *y.shape[2:])


OPS: dict[str, Op] = {
    "Convolution": lambda x, p, a, c: convolution(x, p, a, a["group"]),
    "Deconvolution": lambda x, p, a, c: _deconvolution(x, p, a),
    "Im2col": lambda x, p, a, c: _im2col(x[0], a),
}
