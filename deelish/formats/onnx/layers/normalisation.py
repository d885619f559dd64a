"""Layers that normalise, scale and shift, as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.formats.onnx.layers.activation import line
from deelish.plan.shapes import Args, axis_of


def _batch_norm(x: str, a: Args, c: LayerWriter) -> str:
    """The stored sums divided by the factor; with a factor of 0, mean and variance are 0."""
    if a["use_global_stats"] is False:
        axes = [axis for axis in range(len(c.bottoms[0])) if axis != 1]
        return _by_itself(x, axes, a, c)
    factor = c.arrays["factor"][0]
    inverse = np.float32(0) if factor == 0 else 1 / factor
    mean, variance = c.arrays["mean"] * inverse, c.arrays["variance"] * inverse
    given = [np.ones_like(mean), np.zeros_like(mean), mean, variance]
    return c.node("BatchNormalization", x, *map(c.floats, given), epsilon=a["eps"])


def _by_itself(x: str, axes: Sequence[int], a: Args, c: LayerWriter) -> str:
    y, variance = _centred(x, axes, c)
    return c.node("Div", y, c.node("Sqrt", line(variance, c, 1.0, a["eps"])))


def _centred(x: str, axes: Sequence[int], c: LayerWriter) -> tuple[str, str]:
    """x less its mean over the axes, and the variance."""
    y = c.node("Sub", x, c.node("ReduceMean", x, axes=axes))
    return y, c.node("ReduceMean", c.node("Mul", y, y), axes=axes)


def _behind(count: int, a: Args, c: LayerWriter) -> int:
    """How many axes of the first bottom follow `count` axes that begin at `axis`.

    ONNX broadcasts from the last axis back, so that each of them needs a one.
    """
    return len(c.bottoms[0]) - axis_of(a["axis"], len(c.bottoms[0])) - count if count else 0


def _held(name: str, a: Args, c: LayerWriter) -> str:
    """A constant of the weights of this name, which belong to the axes from `axis` on."""
    array = c.arrays[name]
    return c.floats(array.reshape(array.shape + (1,) * _behind(array.ndim, a, c)))


def _given(x: Sequence[str], name: str, a: Args, c: LayerWriter) -> str:
    """The second bottom, or where there is none the weights of this name."""
    if len(x) == 1:
        return _held(name, a, c)
    count = len(c.bottoms[1])
    behind = _behind(count, a, c)
    return c.node("Unsqueeze", x[1], c.whole(*range(count, count + behind))) if behind else x[1]


def _scale(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    y = c.node("Mul", x[0], _given(x, "weight", a, c))
    return c.node("Add", y, _held("bias", a, c)) if a["bias_term"] else y


def _mvn(x: str, a: Args, c: LayerWriter) -> str:
    """Caffe's: (x - mean) / (deviation + eps), of each channel or of all."""
    x = c.reshaped(x, c.bottoms[0], c.tops[0])
    y, variance = _centred(x, (1, 2, 3) if a["across_channels"] else (2, 3), c)
    if not a["normalize_variance"]:
        return y
    return c.node("Div", y, line(c.node("Sqrt", variance), c, 1.0, a["eps"]))


def _lrn(x: str, a: Args, c: LayerWriter) -> str:
    """ONNX divides alpha by the size, as Caffe does; WITHIN_CHANNEL it has no layer for."""
    size = a["local_size"]
    if a["norm_region"] == "ACROSS_CHANNELS":
        return c.node("LRN", x, size=size, alpha=a["alpha"], beta=a["beta"], bias=a["k"])
    pads = (size // 2,) * 4
    mean = c.node(
        "AveragePool",
        c.node("Mul", x, x),
        kernel_shape=(size, size),
        strides=(1, 1),
        pads=pads,
        count_include_pad=1,
    )
    # Caffe's layer has no k here: it is 1 instead.
    base = c.node("Add", c.node("Mul", mean, c.floats(a["alpha"])), c.floats(1))
    return c.node("Mul", x, c.node("Pow", base, c.floats(-a["beta"])))


NODES: dict[str, Write] = {
    "BatchNorm": lambda x, a, c: _batch_norm(x[0], a, c),
    "Scale": lambda x, a, c: _scale(x, a, c),
    "Bias": lambda x, a, c: c.node("Add", x[0], _given(x, "bias", a, c)),
    "MVN": lambda x, a, c: _mvn(x[0], a, c),
    "LRN": lambda x, a, c: _lrn(x[0], a, c),
}
