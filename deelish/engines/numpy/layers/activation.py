"""Layers that work element by element, in NumPy: one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from deelish.engines.numpy.layers.call import Args, Array, Call, Op


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def softmax(x: Array, axis: int) -> Array:
    """e^x over its sum along the axis; what all exponents lose, both sides of the ratio lose."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def _leaky(x: Array, slope: float) -> Array:
    """max(x, 0) + slope min(x, 0) (relu_layer.cpp)."""
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


def _prelu(x: Array, slope: Array) -> Array:
    """As a ReLU, with a slope for each channel or one for all (He et al. 2015)."""
    slopes = slope.reshape(-1, *(1 for _ in x.shape[2:]))
    return np.maximum(x, 0) + slopes * np.minimum(x, 0)


def _elu(x: Array, alpha: float) -> Array:
    """x, below 0 alpha (e^x - 1) (Clevert et al. 2015)."""
    return np.where(x > 0, x, alpha * np.expm1(x))


def _gelu(x: Array) -> Array:
    """x times the normal distribution function of x (Hendrycks and Gimpel 2016)."""
    # Not 1 + erf, of which far below 0 no digit is left.
    return x * np.vectorize(math.erfc, otypes=[np.float64])(-x / math.sqrt(2)) / 2


def _bnll(x: Array) -> Array:
    """log(1 + e^x), as x + log(1 + e^-x) where e^x may be too large (bnll_layer.cpp)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _threshold(x: Array, a: Args) -> Array:
    """1 above the threshold, which Caffe holds in a float."""
    return np.where(x > np.float32(a["threshold"]), 1.0, 0.0)


def _power(x: Array, a: Args) -> Array:
    """(shift + scale x) ^ power; the constant that it is where power or scale is 0."""
    line = np.full_like(x, a["shift"]) + (a["scale"] * x if a["scale"] * a["power"] else 0)
    return line ** a["power"]


def _exp(x: Array, a: Args) -> Array:
    """base ^ (shift + scale x), as the power of e that it is."""
    factor = 1.0 if a["base"] == -1 else math.log(a["base"])
    return np.exp(factor * (a["shift"] + a["scale"] * x))


def _log(x: Array, a: Args) -> Array:
    """The logarithm of shift + scale x to the base."""
    factor = 1.0 if a["base"] == -1 else math.log(a["base"])
    return np.log(a["shift"] + a["scale"] * x) / factor


def _dropout(x: Array, a: Args, c: Call) -> Array:
    """In training, each number is 0 with the ratio's chance, else over 1 - ratio."""
    if not c.training:
        return x
    ratio = a["dropout_ratio"]
    return np.where(c.generator.random(x.shape) < ratio, 0, x / (1 - ratio))


def _eltwise(x: Sequence[Array], a: Args) -> Array:
    if a["operation"] == "SUM":
        weights = a["coeff"] or (1.0,) * len(x)
        return sum((w * each for w, each in zip(weights, x, strict=True)), np.zeros_like(x[0]))
    return reduce(np.multiply, x) if a["operation"] == "PROD" else _largest(x)


def _largest(x: Sequence[Array]) -> Array:
    """The largest in Caffe's order: nothing exceeds NaN, nor does NaN (eltwise_layer.cpp)."""
    top: Array = np.where(x[0] > x[1], x[0], x[1])
    for each in x[2:]:
        top = np.where(each > top, each, top)
    return top


OPS: dict[str, Op] = {
    "ReLU": lambda x, p, a, c: _leaky(x[0], a["negative_slope"]),
    "PReLU": lambda x, p, a, c: _prelu(x[0], p.weight),
    "ELU": lambda x, p, a, c: _elu(x[0], a["alpha"]),
    "Sigmoid": lambda x, p, a, c: sigmoid(x[0]),
    "TanH": lambda x, p, a, c: np.tanh(x[0]),
    "AbsVal": lambda x, p, a, c: np.abs(x[0]),
    "BNLL": lambda x, p, a, c: _bnll(x[0]),
    "Swish": lambda x, p, a, c: x[0] * sigmoid(a["beta"] * x[0]),
    "GELU": lambda x, p, a, c: _gelu(x[0]),
    "Clip": lambda x, p, a, c: np.clip(x[0], a["min"], a["max"]),
    "Threshold": lambda x, p, a, c: _threshold(x[0], a),
    "Power": lambda x, p, a, c: _power(x[0], a),
    "Exp": lambda x, p, a, c: _exp(x[0], a),
    "Log": lambda x, p, a, c: _log(x[0], a),
    "Dropout": lambda x, p, a, c: _dropout(x[0], a, c),
    "Eltwise": lambda x, p, a, c: _eltwise(x, a),
    "Softmax": lambda x, p, a, c: softmax(x[0], a["axis"]),
}
