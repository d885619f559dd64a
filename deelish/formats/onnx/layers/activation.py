"""Layers that work element by element, as nodes of ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from deelish.formats.onnx.layer_writer import FLOAT, LayerWriter, Write
from deelish.plan.shapes import Args


def line(x: str, c: LayerWriter, scale: float, shift: float) -> str:
    """scale x + shift."""
    y = x if scale == 1 else c.node("Mul", x, c.floats(scale))
    return y if shift == 0 else c.node("Add", y, c.floats(shift))


def _relu(x: str, a: Args, c: LayerWriter) -> str:
    slope = a["negative_slope"]
    return c.node("LeakyRelu", x, alpha=slope) if slope else c.node("Relu", x)


def _prelu(x: str, c: LayerWriter) -> str:
    """ONNX's slopes belong to the last axes; Caffe's to the channels."""
    slopes = c.arrays["weight"]
    return c.node("PRelu", x, c.floats(slopes.reshape(-1, *(1 for _ in c.bottoms[0][2:]))))


def _gelu(x: str, c: LayerWriter) -> str:
    """x (1 + erf(x / sqrt 2)) / 2, in the order of nodes that onnxruntime makes one of."""
    error = c.node("Erf", c.node("Div", x, c.floats(math.sqrt(2))))
    return c.node("Mul", c.node("Mul", x, c.node("Add", error, c.floats(1.0))), c.floats(0.5))


def _power(x: str, a: Args, c: LayerWriter) -> str:
    """(shift + scale x) ^ power; the constant that it is where power or scale is 0."""
    power = a["power"]
    if power == 0 or a["scale"] == 0:
        value = np.power(np.float32(a["shift"]), np.float32(power))
        return c.node("ConstantOfShape", c.node("Shape", x), value=value.reshape(1))
    y = line(x, c, a["scale"], a["shift"])
    return y if power == 1 else c.node("Pow", y, c.floats(power))


def _exp(x: str, a: Args, c: LayerWriter) -> str:
    """base ^ (shift + scale x)."""
    factor = 1.0 if a["base"] == -1 else math.log(a["base"])
    return c.node("Exp", line(x, c, factor * a["scale"], factor * a["shift"]))


def _log(x: str, a: Args, c: LayerWriter) -> str:
    """The logarithm of shift + scale x to the base."""
    factor = 1.0 if a["base"] == -1 else 1 / math.log(a["base"])
    return line(c.node("Log", line(x, c, a["scale"], a["shift"])), c, factor, 0.0)


def _eltwise(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    if a["operation"] == "PROD":
        return reduce(lambda product, each: c.node("Mul", product, each), x)
    if a["operation"] == "MAX":
        return c.node("Max", *x)
    weights = a["coeff"] or [1.0] * len(x)
    return c.node("Sum", *(line(each, c, w, 0.0) for each, w in zip(x, weights, strict=True)))


NODES: dict[str, Write] = {
    "ReLU": lambda x, a, c: _relu(x[0], a, c),
    "PReLU": lambda x, a, c: _prelu(x[0], c),
    "ELU": lambda x, a, c: c.node("Elu", x[0], alpha=a["alpha"]),
    "Sigmoid": lambda x, a, c: c.node("Sigmoid", x[0]),
    "TanH": lambda x, a, c: c.node("Tanh", x[0]),
    "AbsVal": lambda x, a, c: c.node("Abs", x[0]),
    "BNLL": lambda x, a, c: c.node("Softplus", x[0]),
    "Swish": lambda x, a, c: c.node("Mul", x[0], c.node("Sigmoid", line(x[0], c, a["beta"], 0.0))),
    "GELU": lambda x, a, c: _gelu(x[0], c),
    "Clip": lambda x, a, c: c.node("Clip", x[0], c.floats(a["min"]), c.floats(a["max"])),
    "Threshold": lambda x, a, c: c.node(
        "Cast", c.node("Greater", x[0], c.floats(a["threshold"])), to=FLOAT
    ),
    "Power": lambda x, a, c: _power(x[0], a, c),
    "Exp": lambda x, a, c: _exp(x[0], a, c),
    "Log": lambda x, a, c: _log(x[0], a, c),
    "Dropout": lambda x, a, c: x[0],
    "Eltwise": lambda x, a, c: _eltwise(x, a, c),
    "Softmax": lambda x, a, c: c.node("Softmax", x[0], axis=a["axis"]),
}
