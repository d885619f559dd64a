"""Layers that normalise, scale and shift, in PyTorch: one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.operators import along, takes_own_statistics
from deelish.engines.torch.batch_statistics import images_of_all
from deelish.engines.torch.layers.by_image import goes_by_image, normalised, power
from deelish.engines.torch.layers.call import Args, Call, Op
from deelish.plan.layer import Layer


def _batch_norm(x: Tensor, p: Any, a: Args, training: bool) -> Tensor:
    """Caffe's: normalises only; its blobs hold sums that the factor divides."""
    if takes_own_statistics(a, training):
        return _by_own_statistics(x, p, a, training)
    if x.dtype != torch.float32:
        return _by_running_statistics(x, p, a)
    inverse = _inverse(p)
    spread = (p.variance * inverse + a["eps"]).rsqrt()
    # In two steps as in Caffe: one multiply-add would lose digits where the mean is large.
    return torch.sub(x, along(p.mean * inverse, x, 1)).mul_(along(spread, x, 1))


def _by_own_statistics(
    x: Tensor,
    p: Any,
    a: Args,
    training: bool,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Normalised by its own mean and variance, then times a weight and plus a bias by channel."""
    mean, variance = torch.zeros_like(p.mean), torch.zeros_like(p.variance)
    # A momentum of 1 leaves the batch's own mean and unbiased variance in them.
    y = torch.batch_norm(x, weight, bias, mean, variance, True, 1.0, a["eps"], True)
    if training:
        several = x.numel() > x.shape[1]
        # One value of this process may be one of many.
        several = several or images_of_all(len(x)) > len(x)
        _remember(p, mean, variance if several else None, a)
    return y


def _by_running_statistics(
    x: Tensor, p: Any, a: Args, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """The same by the running mean and variance, in one pass that keeps the type of x."""
    mean, variance = (sums * _inverse(p) for sums in (p.mean, p.variance))
    return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, a["eps"], False)


def _inverse(p: Any) -> Tensor:
    """What the sums are multiplied by; a factor of 0 stays 0."""
    return torch.where(p.factor == 0, p.factor, 1 / p.factor)


def normalised_and_shifted(first: Layer, second: Layer, weights: Any) -> Op | None:
    """The function of a BatchNorm and of the Scale or Bias after it; None for other rows.

    One pass instead of two takes a third of the time in reduced precision, where the second would
    make float32.
    """
    if first.type != "BatchNorm" or second.type not in ("Scale", "Bias") or weights is None:
        return None
    if (second.args["axis"], second.args["num_axes"]) != (1, 1):
        return None
    biased = second.type == "Bias" or second.args["bias_term"]

    def run(x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor:
        bias = weights.bias if biased else None
        # The library requires a weight beside a bias.
        weight = torch.ones_like(p.mean) if second.type == "Bias" else weights.weight
        if takes_own_statistics(a, c.training):
            return _by_own_statistics(x[0], p, a, c.training, weight, bias)
        if x[0].dtype != torch.float32:
            return _by_running_statistics(x[0], p, a, weight, bias)
        y = _batch_norm(x[0], p, a, c.training)
        made: Tensor = OPS[second.type]([y], weights, second.args, c)  # type: ignore[assignment]
        return made

    return run


def _remember(p: Any, mean: Tensor, variance: Tensor | None, a: Args) -> None:
    """Caffe adds the unbiased variance to its running sum; of one value it is 0."""
    keep = a["moving_average_fraction"]
    p.mean.mul_(keep).add_(mean)
    p.variance.mul_(keep)
    if variance is not None:
        p.variance.add_(variance)
    p.factor.mul_(keep).add_(1)


def _scale(x: Sequence[Tensor], p: Any, a: Args) -> Tensor:
    weight: Tensor = along(x[1] if len(x) > 1 else p.weight, x[0], a["axis"])
    if not a["bias_term"]:
        return x[0] * weight
    return torch.addcmul(along(p.bias, x[0], a["axis"]), x[0], weight)


def _bias(x: Sequence[Tensor], p: Any, a: Args) -> Tensor:
    return torch.add(x[0], along(x[1] if len(x) > 1 else p.bias, x[0], a["axis"]))


def _mvn(x: Tensor, a: Args) -> Tensor:
    """Caffe's: (x - mean) / (deviation + eps), of each channel or of all."""
    x = x.reshape(*x.shape, *(1,) * (4 - x.dim()))
    axes = (1, 2, 3) if a["across_channels"] else (2, 3)
    y = x - x.mean(axes, keepdim=True)
    if not a["normalize_variance"]:
        return y
    # A root of 0 has no slope: without the bound, the gradient of a constant image is NaN.
    variance = y.square().mean(axes, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    normal: Tensor = y / (variance.sqrt() + a["eps"])
    return normal


def _lrn(x: Tensor, a: Args) -> Tensor:
    """Krizhevsky et al. 2012, section 3.3. Caffe divides alpha by the size.

    The sum over channels is a 1x1 convolution, with alpha for its weights and k for its bias: the
    library's own LRN pools a 5-D copy, slowly.
    """
    size = a["local_size"]
    if a["norm_region"] == "WITHIN_CHANNEL":
        # Caffe's layer has no k here: it is 1 instead.
        sums = F.avg_pool2d(x * x, size, 1, size // 2)
        return x * power(sums.mul(a["alpha"]).add(1), a["beta"])
    channels, reach = x.shape[1], size // 2
    band = x.new_full((channels, channels), a["alpha"] / size).tril(reach).triu(-reach)
    if goes_by_image(x):
        return normalised(x, band, reach, a["k"], a["beta"])
    sums = F.conv2d(x * x, band[:, :, None, None], x.new_full((channels,), a["k"]))
    return x * power(sums, a["beta"])


def lrn_plainly(x: Tensor, a: Args) -> Tensor:
    """The same by numbers that float16 holds, for files that have their weights in it.

    alpha / size is often below its smallest normal number, which some runtimes make 0, and squares
    of pixels are above its largest.
    """
    size = a["local_size"]
    if a["norm_region"] == "WITHIN_CHANNEL":
        small = x * math.sqrt(a["alpha"])
        return x * power(F.avg_pool2d(small * small, size, 1, size // 2) + 1, a["beta"])
    channels, reach, small = x.shape[1], size // 2, x * math.sqrt(a["alpha"] / size)
    band = x.new_full((channels, channels), 1.0).tril(reach).triu(-reach)
    sums = F.conv2d(small * small, band[:, :, None, None], x.new_full((channels,), a["k"]))
    return x * power(sums, a["beta"])


OPS: dict[str, Op] = {
    "BatchNorm": lambda x, p, a, c: _batch_norm(x[0], p, a, c.training),
    "Scale": lambda x, p, a, c: _scale(x, p, a),
    "Bias": lambda x, p, a, c: _bias(x, p, a),
    "MVN": lambda x, p, a, c: _mvn(x[0], a),
    "LRN": lambda x, p, a, c: _lrn(x[0], a),
}
