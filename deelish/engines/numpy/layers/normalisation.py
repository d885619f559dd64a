"""Layers that normalise, scale and shift, in NumPy."""

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


def _lrn(x: Array, a: Args) -> Array:
    """x / (k + alpha / size * the sum of squares over `size` channels around it) ^ beta.

    Krizhevsky et al. 2012, section 3.3, with alpha divided as Caffe does; the channels beyond the
    first and the last are 0.
    """
    size, channels = a["local_size"], x.shape[1]
    squares = np.pad(x**2, ((0, 0), (size // 2, size // 2), (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + channels] for i in range(size))
    return x / (a["k"] + a["alpha"] / size * sums) ** a["beta"]


def _lrn_within(x: Array, a: Args) -> Array:
    """x / (1 + alpha * the mean of squares over size x size pixels around it) ^ beta.

    Outside of the image are zeros, which the mean counts; there is no k (lrn_layer.cpp).
    """
    size, (height, width) = a["local_size"], x.shape[2:]
    half = size // 2
    squares = np.pad(x**2, ((0, 0), (0, 0), (half, half), (half, half)))
    sums = sum(
        squares[:, :, i : i + height, j : j + width] for i in range(size) for j in range(size)
    )
    return x / (1 + a["alpha"] * sums / size**2) ** a["beta"]


OPS: dict[str, Op] = {
    "BatchNorm": lambda x, p, a, c: _batch_norm(x[0], p, a, c.training),
    "Scale": lambda x, p, a, c: _scale(x, p, a),
    "Bias": lambda x, p, a, c: _bias(x, p, a),
    "MVN": lambda x, p, a, c: _mvn(x[0], a),
    "LRN": lambda x, p, a, c: (
        _lrn(x[0], a) if a["norm_region"] == "ACROSS_CHANNELS" else _lrn_within(x[0], a)
    ),
}
