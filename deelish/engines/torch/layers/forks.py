"""Layers that only forks of Caffe have, in PyTorch."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from deelish.engines.operators import axpy
from deelish.engines.torch.layers.call import Args, Op
from deelish.engines.torch.layers.convolution import convolution
from deelish.plan.layers.forks import interp, permuted, reorg_order


def _depthwise(x: Any, p: Any, a: Args) -> list[Tensor]:
    return convolution(x, p, a, p.weight.shape[0])


def _normalize(x: Tensor, p: Any, a: Args) -> Tensor:
    """Over all numbers of an image with `across_spatial`, else over the channels of each pixel."""
    axes = tuple(range(1, x.dim())) if a["across_spatial"] else (1,)
    length = (x * x).sum(axes, keepdim=True).add(a["eps"]).sqrt()
    scale: Tensor = p.weight.reshape(-1, *(1 for _ in x.shape[2:]))
    return x / length * scale


def _interp(x: Tensor, a: Args) -> Tensor:
    """Bilinear, the corners of both images on each other."""
    (size,) = interp(a, [tuple(x.shape)], 1)
    # The pads are 0 or less: they crop.
    x = F.pad(x, [a["pad_beg"], a["pad_end"]] * 2)
    return F.interpolate(x, size[2:], mode="bilinear", align_corners=True)


def _reorg(x: Tensor, a: Args) -> Tensor:
    split, order, joined = reorg_order(a, tuple(x.shape))
    return x.reshape(split).permute(order).reshape(joined)


def _shuffle_channel(x: Tensor, a: Args) -> Tensor:
    """Channel j of group i goes to index j * groups + i."""
    n, c, h, w = x.shape
    groups = x.reshape(n, a["group"], c // a["group"], h, w)
    return groups.transpose(1, 2).reshape(n, c, h, w)


OPS: dict[str, Op] = {
    "DepthwiseConvolution": lambda x, p, a, c: _depthwise(x, p, a),
    "ConvolutionDepthwise": lambda x, p, a, c: _depthwise(x, p, a),
    "Permute": lambda x, p, a, c: x[0].permute(permuted(a["order"], x[0].dim())),
    "Normalize": lambda x, p, a, c: _normalize(x[0], p, a),
    "ReLU6": lambda x, p, a, c: F.relu6(x[0]),
    # "nearest" rounds a position at some large scales to the pixel before.
    "Upsample": lambda x, p, a, c: F.interpolate(
        x[0], scale_factor=a["scale"], mode="nearest-exact"
    ),
    "Interp": lambda x, p, a, c: _interp(x[0], a),
    "Reorg": lambda x, p, a, c: _reorg(x[0], a),
    "ShuffleChannel": lambda x, p, a, c: _shuffle_channel(x[0], a),
    "Axpy": lambda x, p, a, c: axpy(*x),
}
