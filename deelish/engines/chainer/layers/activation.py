"""Layers that work element by element, in Chainer: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.operators import along, line, log_of_base

chainer = import_chainer()
F = chainer.functions


class _Sigmoid(chainer.FunctionNode):  # type: ignore[misc, name-defined]
    """1 / (1 + exp(-x)), of which no exponential overflows.

    Chainer's own is made of tanh, which leaves no digits of small values and of their gradients.
    """

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        (x,) = inputs
        xp = chainer.backend.get_array_module(x)
        self.retain_outputs((0,))
        # Of one number, NumPy makes a scalar; Chainer needs an array.
        return (xp.asarray(xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(-abs(x)))),)

    def backward(self, indexes: tuple[int], gradients: tuple[Variable]) -> tuple[Variable]:
        (y,) = self.get_retained_outputs()
        return (gradients[0] * (y * (1 - y)),)


def _sigmoid(x: Variable) -> Variable:
    return _Sigmoid().apply((x,))[0]


def _bent(x: Variable, slope: Any) -> Variable:
    """x above 0, slope x below; at 0 the slope is that of below."""
    # Chainer's own take ten times as long on the CPU, and prelu has the slope of above at 0.
    return F.relu(x) + slope * F.clip(x, None, 0.0)


def _softplus(x: Variable) -> Variable:
    """log(1 + exp(x)), of which no exponential overflows, in the gradient neither."""
    size = F.absolute(x)
    return 0.5 * (x + size) + F.log1p(F.exp(-size))


def _power(x: Variable, a: Args) -> Variable:
    """(shift + scale x) ^ power; the constant that it is where power or scale is 0."""
    if a["power"] == 0 or a["scale"] == 0:
        xp = chainer.backend.get_array_module(x)
        return chainer.as_variable(xp.full_like(x.array, a["shift"])) ** a["power"]
    y = line(x, a["scale"], a["shift"])
    return y if a["power"] == 1 else y ** a["power"]


def _exp(x: Variable, a: Args) -> Variable:
    """base ^ (shift + scale x)."""
    factor = log_of_base(a)
    return F.exp(line(x, factor * a["scale"], factor * a["shift"]))


def _log(x: Variable, a: Args) -> Variable:
    """The logarithm of shift + scale x to the base."""
    return line(F.log(line(x, a["scale"], a["shift"])), 1 / log_of_base(a), 0.0)


def _threshold(x: Variable, a: Args) -> Variable:
    xp = chainer.backend.get_array_module(x)
    return chainer.as_variable(xp.asarray(x.array > a["threshold"], x.dtype))


def _dropout(x: Variable, a: Args, generator: Any) -> Variable:
    """Hinton et al. 2012; the kept values are scaled up in training, as Caffe does."""
    keep = 1 - a["dropout_ratio"]
    if generator is None:
        return x
    kept = generator.random(x.shape, dtype=x.dtype) < keep
    return x * (kept * x.dtype.type(1 / keep))


def _eltwise(x: Sequence[Variable], a: Args) -> Variable:
    if a["operation"] == "SUM":
        weights = a["coeff"] or [1.0] * len(x)
        return F.add(*(t if w == 1 else t * w for t, w in zip(x, weights, strict=True)))
    return reduce(lambda top, t: top * t, x) if a["operation"] == "PROD" else _largest(x)


def _largest(x: Sequence[Variable]) -> Variable:
    """Of equal values, the gradient goes to one: the second of the first two, then the earlier."""
    first = F.where(x[0].array > x[1].array, x[0], x[1])
    return reduce(lambda top, t: F.where(t.array > top.array, t, top), x[2:], first)


OPS: dict[str, Op] = {
    "ReLU": lambda x, p, a, c: _bent(x[0], s) if (s := a["negative_slope"]) else F.relu(x[0]),
    "PReLU": lambda x, p, a, c: _bent(x[0], along(p.weight, x[0], 1)),
    "ELU": lambda x, p, a, c: F.elu(x[0], a["alpha"]),
    "Sigmoid": lambda x, p, a, c: _sigmoid(x[0]),
    "TanH": lambda x, p, a, c: F.tanh(x[0]),
    "AbsVal": lambda x, p, a, c: F.absolute(x[0]),
    "BNLL": lambda x, p, a, c: _softplus(x[0]),
    "Swish": lambda x, p, a, c: x[0] * _sigmoid(line(x[0], a["beta"], 0.0)),
    "GELU": lambda x, p, a, c: x[0] * F.ndtr(x[0]),
    # One bound at a time: Chainer refuses bounds that are equal.
    "Clip": lambda x, p, a, c: F.clip(F.clip(x[0], a["min"], None), None, a["max"]),
    "Threshold": lambda x, p, a, c: _threshold(x[0], a),
    "Power": lambda x, p, a, c: _power(x[0], a),
    "Exp": lambda x, p, a, c: _exp(x[0], a),
    "Log": lambda x, p, a, c: _log(x[0], a),
    "Dropout": lambda x, p, a, c: _dropout(x[0], a, c.generator),
    "Eltwise": lambda x, p, a, c: _eltwise(x, a),
    "Softmax": lambda x, p, a, c: F.softmax(x[0], a["axis"]),
}
