"""Layers that normalise, scale and shift, in Chainer: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.operators import along, takes_own_statistics

chainer = import_chainer()
F = chainer.functions

# The least float32 that has all its digits.
_TINY = float(np.finfo(np.float32).tiny)


def _batch_norm(x: Variable, p: Any, a: Args, training: bool) -> Variable:
    """Caffe's: normalises only; its arrays hold sums that the factor divides."""
    xp = chainer.backend.get_array_module(x)
    if takes_own_statistics(a, training):
        # Chainer's own refuses a small eps on the GPU, warns of a batch of one, and is no faster.
        axes = (0, *range(2, x.ndim))
        mean = F.mean(x, axes, keepdims=True)
        centred = x - mean
        variance = F.mean(F.square(centred), axes, keepdims=True)
        if training:
            _remember(p, mean.array.ravel(), variance.array.ravel(), x.size // x.shape[1], a)
        return centred * F.rsqrt(variance + a["eps"])
    empty = p.factor == 0
    inverse = ~empty / (p.factor + empty)
    spread = 1 / xp.sqrt(p.variance * inverse + a["eps"])
    return (x - along(p.mean * inverse, x, 1)) * along(spread, x, 1)


def _remember(p: Any, mean: Any, variance: Any, count: int, a: Args) -> None:
    """Caffe adds the unbiased variance to its running sum; of one value it is 0."""
    keep = a["moving_average_fraction"]
    p.mean[...] = keep * p.mean + mean
    p.variance[...] = keep * p.variance + variance * (count / max(count - 1, 1))
    p.factor[...] = keep * p.factor + 1


def _scale(x: Sequence[Variable], p: Any, a: Args) -> Variable:
    y = x[0] * along(x[1] if len(x) > 1 else p.weight, x[0], a["axis"])
    return y + along(p.bias, x[0], a["axis"]) if a["bias_term"] else y


def _bias(x: Sequence[Variable], p: Any, a: Args) -> Variable:
    return x[0] + along(x[1] if len(x) > 1 else p.bias, x[0], a["axis"])


def _mvn(x: Variable, a: Args) -> Variable:
    """Caffe's: (x - mean) / (deviation + eps), of each channel or of all."""
    x = x.reshape(x.shape + (1,) * (4 - x.ndim))
    axes = (1, 2, 3) if a["across_channels"] else (2, 3)
    y = x - F.mean(x, axes, keepdims=True)
    if not a["normalize_variance"]:
        return y
    # A root of 0 has no slope: without the bound, the gradient of a constant image is NaN.
    variance = F.clip(F.mean(F.square(y), axes, keepdims=True), _TINY, None)
    return y / (F.sqrt(variance) + a["eps"])


def _lrn(x: Variable, a: Args) -> Variable:
    """Krizhevsky et al. 2012, section 3.3. Caffe divides alpha by the size."""
    size = a["local_size"]
    if a["norm_region"] == "WITHIN_CHANNEL":
        # Caffe's layer has no k here: it is 1 instead.
        means = F.average_pooling_2d(x * x, size, 1, size // 2)
        return x * (means * a["alpha"] + 1) ** -a["beta"]
    return F.local_response_normalization(x, size, a["k"], a["alpha"] / size, a["beta"])


OPS: dict[str, Op] = {
    "BatchNorm": lambda x, p, a, c: _batch_norm(x[0], p, a, c.training),
    "Scale": lambda x, p, a, c: _scale(x, p, a),
    "Bias": lambda x, p, a, c: _bias(x, p, a),
    "MVN": lambda x, p, a, c: _mvn(x[0], a),
    "LRN": lambda x, p, a, c: _lrn(x[0], a),
}
