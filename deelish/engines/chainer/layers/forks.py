"""Layers that only forks of Caffe have, in Chainer."""

from __future__ import annotations

from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.chainer.layers.convolution import convolution
from deelish.engines.operators import axpy
from deelish.plan.layers.forks import interp, permuted, reorg_order

chainer = import_chainer()
F = chainer.functions


def _depthwise(x: Any, p: Any, a: Args) -> list[Variable]:
    return convolution(x, p, a, p.weight.shape[0])


def _normalize(x: Variable, p: Any, a: Args) -> Variable:
    """Over all numbers of an image with `across_spatial`, else over the channels of each pixel."""
    axes = tuple(range(1, x.ndim)) if a["across_spatial"] else (1,)
    length = F.sqrt(F.sum(x * x, axes, keepdims=True) + a["eps"])
    return x / length * p.weight.reshape(-1, *(1 for _ in x.shape[2:]))


def _interp(x: Variable, a: Args) -> Variable:
    """Bilinear, the corners of both images on each other: a matrix for each axis."""
    ((_, _, *made),) = interp(a, [x.shape], 1)
    # The pads are 0 or less: they leave rows of the matrices 0.
    rows, columns = (
        _mixing(side, -a["pad_beg"], side + a["pad_end"], count)
        for side, count in zip(x.shape[2:], made, strict=True)
    )
    xp = chainer.backend.get_array_module(x)
    return F.matmul(F.matmul(xp.asarray(rows), x), xp.asarray(columns.T))


def _mixing(side: int, first: int, end: int, count: int) -> np.ndarray:
    """(count, side): how much each of the pixels from `first` to `end` is in each of `count`."""
    positions = np.linspace(first, end - 1, count)
    distances = np.abs(positions[:, None] - np.arange(side))
    weights: np.ndarray = np.maximum(1 - distances, 0).astype(np.float32)
    return weights


def _reorg(x: Variable, a: Args) -> Variable:
    split, order, joined = reorg_order(a, x.shape)
    return x.reshape(split).transpose(order).reshape(joined)


def _shuffle_channel(x: Variable, a: Args) -> Variable:
    """Channel j of group i goes to index j * groups + i."""
    n, c, h, w = x.shape
    groups = x.reshape(n, a["group"], c // a["group"], h, w)
    return groups.transpose(0, 2, 1, 3, 4).reshape(n, c, h, w)


OPS: dict[str, Op] = {
    "DepthwiseConvolution": lambda x, p, a, c: _depthwise(x, p, a),
    "ConvolutionDepthwise": lambda x, p, a, c: _depthwise(x, p, a),
    "Permute": lambda x, p, a, c: x[0].transpose(permuted(a["order"], x[0].ndim)),
    "Normalize": lambda x, p, a, c: _normalize(x[0], p, a),
    "ReLU6": lambda x, p, a, c: F.relu6(x[0]),
    "Upsample": lambda x, p, a, c: F.repeat(F.repeat(x[0], a["scale"], 2), a["scale"], 3),
    "Interp": lambda x, p, a, c: _interp(x[0], a),
    "Reorg": lambda x, p, a, c: _reorg(x[0], a),
    "ShuffleChannel": lambda x, p, a, c: _shuffle_channel(x[0], a),
    "Axpy": lambda x, p, a, c: axpy(*x),
}
