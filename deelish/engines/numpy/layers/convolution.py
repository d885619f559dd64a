"""Layers that go over an image by windows of weights, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers.convolution import Window, windows
from deelish.plan.layers.convolution import convolution as convolution_shapes
from deelish.plan.layers.convolution import deconvolution as deconvolution_shapes
from deelish.plan.layers.convolution import im2col as im2col_shapes
from deelish.plan.shapes import Shape, axis_of


def _seen(
    bounds: Sequence[Window], position: Sequence[int], counts: Sequence[int]
) -> tuple[Any, ...]:
    """Of a padded image, the pixels at one position of each window.

    Window i of an axis sees at position k the pixel stride * i + dilation * k.
    """
    starts = [w.dilation * k for w, k in zip(bounds, position, strict=True)]
    sides = zip(starts, bounds, counts, strict=True)
    return (..., *(slice(at, at + w.stride * (n - 1) + 1, w.stride) for at, w, n in sides))


def _padded(x: Array, bounds: Sequence[Window]) -> Array:
    """(n, c, sides...) with zeros around each image."""
    return np.pad(x, [(0, 0), (0, 0), *((w.pad, w.pad) for w in bounds)])


def _mixed(matrix: Array, x: Array, group: int) -> Array:
    """Channels (n, c, sides...) by a matrix (to, c / group) to (n, to, sides...), in groups."""
    n, c, *sides = x.shape
    parts = matrix.reshape(group, len(matrix) // group, c // group)
    made = parts @ x.reshape(n, group, c // group, -1)
    return made.reshape(n, len(matrix), *sides)


def _biased(y: Array, bias: Array | None) -> Array:
    """(n, c, sides...) with a bias for each channel."""
    return y if bias is None else y + bias.reshape(-1, *(1 for _ in y.shape[2:]))


def _correlated(x: Array, p: Any, bounds: Sequence[Window], group: int, made: Shape) -> Array:
    """top[o, i] = bias[o] + the sum over c and k of weight[o, c, k] * padded x[c, where i sees k].

    x is (n, c, sides...), the top (n, made...).
    """
    padded = _padded(x, bounds)
    y = np.zeros((len(x), *made))
    for position in np.ndindex(p.weight.shape[2:]):
        y += _mixed(p.weight[(..., *position)], padded[_seen(bounds, position, made[1:])], group)
    return _biased(y, p.bias)


def convolution(x: Sequence[Array], p: Any, a: Args, group: int) -> list[Array]:
    """One top a bottom, each through the same weights; all axes before the channels are batch."""
    axis = axis_of(a["axis"], x[0].ndim)
    bounds = windows(a, x[0].ndim - axis - 1)
    shape = convolution_shapes({**a, "group": group}, [each.shape for each in x], len(x))[0]
    flat = [each.reshape(-1, *each.shape[axis:]) for each in x]
    tops = [_correlated(each, p, bounds, group, shape[axis:]) for each in flat]
    return [y.reshape(shape) for y in tops]


def _scattered(x: Array, p: Any, bounds: Sequence[Window], group: int, made: Shape) -> Array:
    """Every pixel adds its multiple of the weights to the positions of its window in the top.

    The weight is (c, made channels / group, kernel...); what falls into the pad is cut off.
    """
    sides = [side + 2 * w.pad for side, w in zip(made[1:], bounds, strict=True)]
    y: Array = np.zeros((len(x), made[0], *sides))
    for position in np.ndindex(p.weight.shape[2:]):
        parts = np.split(p.weight[(..., *position)], group)
        matrix = np.concatenate([part.T for part in parts])
        y[_seen(bounds, position, x.shape[2:])] += _mixed(matrix, x, group)
    inner = (slice(w.pad, w.pad + side) for side, w in zip(made[1:], bounds, strict=True))
    return _biased(y[(..., *inner)], p.bias)


def _deconvolution(x: Sequence[Array], p: Any, a: Args) -> list[Array]:
    axis = axis_of(a["axis"], x[0].ndim)
    bounds = windows(a, x[0].ndim - axis - 1)
    shape = deconvolution_shapes(a, [each.shape for each in x], len(x))[0]
    flat = [each.reshape(-1, *each.shape[axis:]) for each in x]
    tops = [_scattered(each, p, bounds, a["group"], shape[axis:]) for each in flat]
    return [y.reshape(shape) for y in tops]


def _im2col(x: Array, a: Args) -> Array:
    """Channel c * size of a window + k of the top is what position k of the windows sees of c."""
    axis = axis_of(a["axis"], x.ndim)
    bounds = windows(a, x.ndim - axis - 1)
    shape = im2col_shapes(a, [x.shape], 1)[0]
    padded = _padded(x.reshape(-1, *x.shape[axis:]), bounds)
    positions = np.ndindex(*(w.kernel for w in bounds))
    seen = [padded[_seen(bounds, position, shape[axis + 1 :])] for position in positions]
    return np.stack(seen, 2).reshape(shape)


OPS: dict[str, Op] = {
    "Convolution": lambda x, p, a, c: convolution(x, p, a, a["group"]),
    "Deconvolution": lambda x, p, a, c: _deconvolution(x, p, a),
    "Im2col": lambda x, p, a, c: _im2col(x[0], a),
}
