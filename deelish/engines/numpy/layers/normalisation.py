"""Layers that normalise, scale and shift along axes, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers.normalisation import mvn as mvn_shapes
from deelish.plan.shapes import axis_of


def along(values: Array, x: Array, axis: int) -> Array:
    """Values that belong to the axes of x from `axis` on, shaped to meet these; () meets all."""
    if values.ndim == 0:
        return values
    return values.reshape(*values.shape, *(1,) * (x.ndim - axis_of(axis, x.ndim) - values.ndim))


def _batch_norm(x: Array, p: Any, a: Args, training: bool) -> Array:
    """(x - mean) / sqrt(variance + eps) for each channel (Ioffe and Szegedy 2015, without scale).

    Mean and variance are the batch's own, or the running sums over the factor that counts them; a
    factor of 0 makes both 0 (batch_norm_layer.cpp).
    """
    running = a["use_global_stats"]
    if not training if running is None else running:
        sums, factor = np.asarray([p.mean, p.variance], np.float64), float(p.factor[0])
        mean, variance = sums / factor if factor else 0 * sums
    else:
        axes = (0, *range(2, x.ndim))
        mean, variance = x.mean(axes), x.var(axes)
        if training:
            _remember(p, mean, variance, x.size // x.shape[1], a["moving_average_fraction"])
    return (x - along(mean, x, 1)) / np.sqrt(along(variance, x, 1) + a["eps"])


def _remember(p: Any, mean: Array, variance: Array, count: int, keep: float) -> None:
    """The running sums fade and take the batch's mean and unbiased variance, of `count` numbers."""
    unbiased = variance * (count / (count - 1) if count > 1 else 1)
    for held, new in ((p.mean, mean), (p.variance, unbiased), (p.factor, 1)):
        held[...] = keep * np.asarray(held, np.float64) + new


def _scale(x: Sequence[Array], p: Any, a: Args) -> Array:
    y = x[0] * along(x[1] if len(x) > 1 else p.weight, x[0], a["axis"])
    return y + along(p.bias, x[0], a["axis"]) if a["bias_term"] else y


def _bias(x: Sequence[Array], p: Any, a: Args) -> Array:
    return x[0] + along(x[1] if len(x) > 1 else p.bias, x[0], a["axis"])


def _mvn(x: Array, a: Args) -> Array:
    """(x - mean) / (deviation + eps), of each channel or of all (mvn_layer.cpp)."""
    x = x.reshape(mvn_shapes(a, [x.shape], 1)[0])
    axes = (1, 2, 3) if a["across_channels"] else (2, 3)
    centred = x - x.mean(axes, keepdims=True)
    if not a["normalize_variance"]:
        return centred
    deviation = np.sqrt((centred**2).mean(axes, keepdims=True))
    return centred / (deviation + a["eps"])


OPS: dict[str, Op] = {
    "BatchNorm": lambda x, p, a, c: _batch_norm(x[0], p, a, c.training),
    "Scale": lambda x, p, a, c: _scale(x, p, a),
    "Bias": lambda x, p, a, c: _bias(x, p, a),
    "MVN": lambda x, p, a, c: _mvn(x[0], a),
}
