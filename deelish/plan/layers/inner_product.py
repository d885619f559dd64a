"""The fully connected layer: InnerProduct. PyTorch calls it Linear, Keras calls it Dense."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deelish.plan.kind import REQUIRED, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of
from deelish.plan.weights import WEIGHTED, products_by_tops, weight_and_bias


def inner_product(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, ...) -> (n, num_output): all that follows `axis` is one vector."""
    axis = axis_of(args["axis"], len(bottoms[0]))
    return [(*bottoms[0][:axis], args["num_output"])]


def inner_product_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight (num_output, inputs), or (inputs, num_output) with `transpose`, and bias."""
    inputs = math.prod(bottoms[0][axis_of(args["axis"], len(bottoms[0])) :])
    shape = (args["num_output"], inputs)
    return weight_and_bias(args, shape[::-1] if args["transpose"] else shape)


KINDS = {
    "InnerProduct": LayerKind(
        {"num_output": REQUIRED, "axis": 1, "transpose": False, **WEIGHTED},
        inner_product,
        inner_product_weights,
        products=products_by_tops,
    ),
}
