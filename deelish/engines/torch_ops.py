"""The layer kinds in PyTorch: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.plan.shapes import pair

Args = Mapping[str, Any]
# (bottoms, the layer's weights, its arguments, the generator in training or None) -> top
Op = Callable[[Sequence[Tensor], Any, Args, torch.Generator | None], Tensor]


def _convolution(x: Tensor, p: Any, a: Args) -> Tensor:
    stride, pad, dilation = (pair(a[name]) for name in ("stride", "pad", "dilation"))
    return F.conv2d(x, p.weight, p.bias, stride, pad, dilation, a["group"])


def _inner_product(x: Tensor, p: Any, a: Args) -> Tensor:
    weight = p.weight.T if a["transpose"] else p.weight
    # A channels-last input must be read in Caffe's order: flatten does, view would not.
    return F.linear(x.flatten(a["axis"]), weight, p.bias)


def _pooling(x: Tensor, a: Args) -> Tensor:
    average = a["pool"] == "AVE"
    if a["global_pooling"]:
        return x.mean((2, 3), keepdim=True) if average else x.amax((2, 3), keepdim=True)
    window = (pair(a["kernel_size"]), pair(a["stride"]), pair(a["pad"]))
    ceil = a["round_mode"] == "CEIL"
    if average:
        return F.avg_pool2d(x, *window, ceil_mode=ceil)
    return F.max_pool2d(x, *window, ceil_mode=ceil)


@lru_cache(maxsize=64)
def _band(channels: int, size: int, device: torch.device) -> Tensor:
    """(channels, channels, 1, 1): 1 where two channels are at most size // 2 apart."""
    places = torch.arange(channels, device=device)
    near = (places[:, None] - places[None, :]).abs() <= size // 2
    return near.float()[:, :, None, None]


def _lrn(x: Tensor, a: Args) -> Tensor:
    """Krizhevsky et al. 2012, section 3.3. Caffe divides alpha by the size.

    The sum over channels is a 1x1 convolution: the library's own LRN pools a 5-D copy, slowly.
    """
    size = a["local_size"]
    with torch.inference_mode(False):
        band = _band(x.shape[1], size, x.device)
    d = F.conv2d(x * x, band).mul(a["alpha"] / size).add(a["k"])
    if a["beta"] == 0.75:
        root = d.rsqrt()
        return x * root * root.sqrt()
    return x * d.pow(-a["beta"])


def _batch_norm(x: Tensor, p: Any, a: Args, training: bool) -> Tensor:
    """Caffe's: normalises only; its blobs hold sums that the factor divides."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    if training if a["use_global_stats"] is None else not a["use_global_stats"]:
        variance, mean = torch.var_mean(x, axes, correction=0)
        if training:
            _remember(p, mean.detach(), variance.detach(), x.numel() // x.shape[1], a)
    else:
        inverse = torch.where(p.factor == 0, p.factor, 1 / p.factor)
        mean, variance = p.mean * inverse, p.variance * inverse
    shape = (1, -1, *(1 for _ in axes[1:]))
    spread: Tensor = (variance + a["eps"]).rsqrt()
    return (x - mean.view(shape)) * spread.view(shape)


def _remember(p: Any, mean: Tensor, variance: Tensor, count: int, a: Args) -> None:
    """Caffe adds the unbiased variance to its running sum."""
    keep = a["moving_average_fraction"]
    p.mean.mul_(keep).add_(mean)
    p.variance.mul_(keep).add_(variance * (count / max(count - 1, 1)))
    p.factor.mul_(keep).add_(1)


def _scale(x: Tensor, p: Any) -> Tensor:
    shape = (1, -1, *(1 for _ in x.shape[2:]))
    y: Tensor = x * p.weight.view(shape)
    return y if p.bias is None else y.add(p.bias.view(shape))


def _dropout(x: Tensor, a: Args, generator: torch.Generator | None) -> Tensor:
    """Hinton et al. 2012; the kept values are scaled up in training, as Caffe does."""
    keep = 1 - a["dropout_ratio"]
    if generator is None:
        return x
    return x * torch.empty_like(x).bernoulli_(keep, generator=generator).div_(keep)


def _eltwise(x: Sequence[Tensor], a: Args) -> Tensor:
    if a["operation"] == "SUM":
        weights = a["coeff"] or [1.0] * len(x)
        return reduce(torch.add, [t if w == 1 else t * w for t, w in zip(x, weights, strict=True)])
    return reduce(torch.mul if a["operation"] == "PROD" else torch.maximum, x)


OPS: dict[str, Op] = {
    "Convolution": lambda x, p, a, g: _convolution(x[0], p, a),
    "InnerProduct": lambda x, p, a, g: _inner_product(x[0], p, a),
    "Pooling": lambda x, p, a, g: _pooling(x[0], a),
    "LRN": lambda x, p, a, g: _lrn(x[0], a),
    "BatchNorm": lambda x, p, a, g: _batch_norm(x[0], p, a, g is not None),
    "Scale": lambda x, p, a, g: _scale(x[0], p),
    "ReLU": lambda x, p, a, g: (
        F.leaky_relu(x[0], s) if (s := a["negative_slope"]) else F.relu(x[0])
    ),
    "Sigmoid": lambda x, p, a, g: torch.sigmoid(x[0]),
    "TanH": lambda x, p, a, g: torch.tanh(x[0]),
    "Dropout": lambda x, p, a, g: _dropout(x[0], a, g),
    "Eltwise": lambda x, p, a, g: _eltwise(x, a),
    "Concat": lambda x, p, a, g: torch.cat(list(x), a["axis"]),
    "Flatten": lambda x, p, a, g: x[0].flatten(1),
    "Softmax": lambda x, p, a, g: F.softmax(x[0], a["axis"]),
}
