"""The fully connected layer in NumPy."""

from __future__ import annotations

import math
from typing import Any

from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers.inner_product import inner_product as inner_product_shapes


def _inner_product(x: Array, p: Any, a: Args) -> Array:
    """y = W x + b; the weight is W, or its transpose with `transpose`."""
    shape = inner_product_shapes(a, [x.shape], 1)[0]
    rows = x.reshape(math.prod(shape[:-1]), -1)
    y = rows @ (p.weight if a["transpose"] else p.weight.T)
    return (y if p.bias is None else y + p.bias).reshape(shape)


OPS: dict[str, Op] = {
    "InnerProduct": lambda x, p, a, c: _inner_product(x[0], p, a),
}
