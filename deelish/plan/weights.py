"""What layer kinds with a weight and a bias share: arguments, arrays, multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deelish.plan.kind import Blob, Blobs
from deelish.plan.shapes import Args, Shape

# Caffe's own default filler is the constant 0, with which no network trains.
WEIGHTED: dict[str, Any] = {"bias_term": True, "weight_filler": "msra", "bias_filler": 0.0}


def weight_and_bias(args: Args, shape: Shape) -> Blobs:
    """weight, of the given shape, and bias (num_output), unless `bias_term` is False."""
    weight = {"weight": Blob(shape, args["weight_filler"])}
    bias = {"bias": Blob((args["num_output"],), args["bias_filler"])}
    return weight | (bias if args["bias_term"] else {})


def products_by_tops(
    args: Args, blobs: Blobs, bottoms: Sequence[Shape], tops: Sequence[Shape]
) -> int:
    """Every position of each top is a product with the weights that lead to it."""
    return sum(blobs["weight"].size * (math.prod(top[1:]) // args["num_output"]) for top in tops)
