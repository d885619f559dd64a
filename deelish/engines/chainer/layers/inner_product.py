"""The fully connected layer in Chainer."""

from __future__ import annotations

from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.plan.shapes import axis_of

F = import_chainer().functions


def _inner_product(x: Variable, p: Any, a: Args) -> Variable:
    axis = axis_of(a["axis"], x.ndim)
    weight = p.weight.transpose() if a["transpose"] else p.weight
    y = F.linear(x.reshape(-1, weight.shape[1]), weight, p.bias)
    return y.reshape(*x.shape[:axis], weight.shape[0])


OPS: dict[str, Op] = {
    "InnerProduct": lambda x, p, a, c: _inner_product(x[0], p, a),
}
