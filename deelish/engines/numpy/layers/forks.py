"""Layers that only forks of Caffe have, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.engines.numpy.layers.convolution import convolution
from deelish.plan.layers.forks import cropped, interp, permuted, reorg
from deelish.plan.shapes import axis_of


def _depthwise(x: Sequence[Array], p: Any, a: Args) -> list[Array]:
    return convolution(x, p, a, x[0].shape[axis_of(a["axis"], x[0].ndim)])


def _normalize(x: Array, p: Any, a: Args) -> Array:
    """scale x / sqrt(the sum of squares + eps): of a whole image, or of the channels of a pixel.

    As in SSD's fork (normalize_layer.cpp).
    """
    axes = tuple(range(1, x.ndim)) if a["across_spatial"] else (1,)
    scale = p.weight.reshape(-1, *(1 for _ in x.shape[2:]))
    return scale * x / np.sqrt((x**2).sum(axes, keepdims=True) + a["eps"])


def _interp(x: Array, a: Args) -> Array:
    """Pixel i of `to` is at i (from - 1) / (to - 1), between two pixels of the cropped image.

    As in DeepLab's fork (util/interp.cpp).
    """
    sides = cropped(a, x.shape[2:])
    rows, columns = (slice(-a["pad_beg"], side - a["pad_beg"]) for side in sides)
    height, width = interp(a, [x.shape], 1)[0][2:]
    down, across = _between(sides[0], height), _between(sides[1], width)
    return down @ x[:, :, rows, columns] @ across.T


def _between(side: int, made: int) -> Array:
    """The weight (made, side) of each old pixel in each new one; one alone takes the first."""
    weights = np.zeros((made, side))
    for i in range(made):
        position = i * (side - 1) / max(made - 1, 1)
        before = int(position)
        weights[i, before] += 1 - (position - before)
        weights[i, min(before + 1, side - 1)] += position - before
    return weights


def _reorg(x: Array, a: Args) -> Array:
    """Darknet's indices: a thick image (c, h, w), and one of 1 / s^2 of its channels, s as large.

    Number (k, j, i) of the thick one is number (k % thin, j s + block / s, i s + block % s) of the
    other, block = k / thin. Both are read as plain memory, whatever shape the blobs have: forwards
    the bottom is taken for the large one, with `reverse` for the thick one.
    """
    _, c, h, w = x.shape
    s = a["stride"]
    thin = c // s**2
    k, j, i = np.indices((c, h, w)).reshape(3, -1)
    row, column = j * s + k // thin // s, i * s + k // thin % s
    large = column + w * s * (row + h * s * (k % thin))
    memory = x.reshape(len(x), -1)
    made = np.zeros_like(memory)
    if a["reverse"]:
        made[:, large] = memory
    else:
        made = memory[:, large]
    return made.reshape(reorg(a, [x.shape], 1)[0])


def _shuffle_channel(x: Array, a: Args) -> Array:
    """Channel j of group i goes to index j * groups + i (shuffle_channel_layer.cpp)."""
    groups = a["group"]
    long = x.shape[1] // groups
    return x[:, [i * long + j for j in range(long) for i in range(groups)]]


def _axpy(factor: Array, x: Array, y: Array) -> Array:
    """A factor for each channel of each image, times x, plus y (SENet's fork, axpy_layer.cpp)."""
    return factor.reshape(*x.shape[:2], *(1 for _ in x.shape[2:])) * x + y


OPS: dict[str, Op] = {
    "DepthwiseConvolution": lambda x, p, a, c: _depthwise(x, p, a),
    "ConvolutionDepthwise": lambda x, p, a, c: _depthwise(x, p, a),
    "Permute": lambda x, p, a, c: x[0].transpose(permuted(a["order"], x[0].ndim)),
    "Normalize": lambda x, p, a, c: _normalize(x[0], p, a),
    "ReLU6": lambda x, p, a, c: np.clip(x[0], 0, 6),
    "Upsample": lambda x, p, a, c: x[0].repeat(a["scale"], 2).repeat(a["scale"], 3),
    "Interp": lambda x, p, a, c: _interp(x[0], a),
    "Reorg": lambda x, p, a, c: _reorg(x[0], a),
    "ShuffleChannel": lambda x, p, a, c: _shuffle_channel(x[0], a),
    "Axpy": lambda x, p, a, c: _axpy(*x),
}
