"""The fully connected layer as nodes of ONNX."""

from __future__ import annotations

import math

from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.plan.shapes import Args, axis_of


def _inner_product(x: str, a: Args, c: LayerWriter) -> str:
    axis = axis_of(a["axis"], len(c.bottoms[0]))
    if 1 < axis == len(c.bottoms[0]) - 1:
        return _along_last_axis(x, a, c)
    bias = [c.names["bias"]] if "bias" in c.names else []
    flat = c.node("Flatten", x, axis=axis)
    y = c.node("Gemm", flat, c.names["weight"], *bias, transB=int(not a["transpose"]))
    return c.reshaped(y, (math.prod(c.tops[0][:-1]), c.tops[0][-1]), c.tops[0])


def _along_last_axis(x: str, a: Args, c: LayerWriter) -> str:
    """Of rows behind several axes, any of which may vary while the model runs."""
    weight = c.arrays["weight"] if a["transpose"] else c.arrays["weight"].T
    y = c.node("MatMul", x, c.floats(weight))
    return c.node("Add", y, c.names["bias"]) if "bias" in c.names else y


NODES: dict[str, Write] = {
    "InnerProduct": lambda x, a, c: _inner_product(x[0], a, c),
}
