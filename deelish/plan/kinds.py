"""The table of layer kinds: for each of Caffe's types its arguments, its shape, its weights.

A new kind is one row here and one line in each engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deelish.plan import shapes
from deelish.plan.shapes import Args, Shape

REQUIRED = object()


@dataclass(frozen=True)
class Blob:
    """One array of a layer's weights: its shape, how it is first filled, whether it learns."""

    shape: Shape
    filler: Any
    learns: bool = True

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


Blobs = dict[str, Blob]


def no_weights(args: Args, bottom: Shape) -> Blobs:
    """For layers without weights."""
    return {}


def convolution_weights(args: Args, bottom: Shape) -> Blobs:
    """weight (num_output, c / group, kernel height, kernel width) and bias (num_output)."""
    kernel = shapes.pair(args["kernel_size"])
    return _weight_and_bias(args, (args["num_output"], bottom[1] // args["group"], *kernel))


def inner_product_weights(args: Args, bottom: Shape) -> Blobs:
    """weight (num_output, inputs), or (inputs, num_output) with `transpose`, and bias."""
    inputs = math.prod(bottom[args["axis"] :])
    shape = (args["num_output"], inputs)
    return _weight_and_bias(args, shape[::-1] if args["transpose"] else shape)


def batch_norm_weights(args: Args, bottom: Shape) -> Blobs:
    """Sums of mean and variance (c), and the factor (1) that both are divided by."""
    c = bottom[1]
    return {
        "mean": Blob((c,), 0.0, learns=False),
        "variance": Blob((c,), 0.0, learns=False),
        "factor": Blob((1,), 0.0, learns=False),
    }


def scale_weights(args: Args, bottom: Shape) -> Blobs:
    """weight (c), and bias (c) where bias_term is set."""
    weight = {"weight": Blob((bottom[1],), args["filler"])}
    return weight | ({"bias": Blob((bottom[1],), args["bias_filler"])} if args["bias_term"] else {})


def _weight_and_bias(args: Args, shape: Shape) -> Blobs:
    weight = {"weight": Blob(shape, args["weight_filler"])}
    bias = {"bias": Blob((args["num_output"],), args["bias_filler"])}
    return weight | (bias if args["bias_term"] else {})


@dataclass(frozen=True)
class Kind:
    """One row: arguments with their defaults, the shape rule, the weights, how it is wired."""

    args: Mapping[str, Any]
    shape: Callable[[Args, Sequence[Shape]], list[Shape]] = shapes.same
    weights: Callable[[Args, Shape], Blobs] = no_weights
    in_place: bool = False
    most_bottoms: int = 1
    multiplies: bool = False


# Caffe's own default filler is the constant 0, which no network learns from.
_FILLED = {"bias_term": True, "weight_filler": "msra", "bias_filler": 0.0}
_WINDOW: Mapping[str, Any] = {"stride": 1, "pad": 0}

KINDS: dict[str, Kind] = {
    "Convolution": Kind(
        {"num_output": REQUIRED, "kernel_size": REQUIRED, **_WINDOW}
        | {"group": 1, "dilation": 1, **_FILLED},
        shapes.convolution,
        convolution_weights,
        multiplies=True,
    ),
    "InnerProduct": Kind(
        {"num_output": REQUIRED, "axis": 1, "transpose": False, **_FILLED},
        shapes.inner_product,
        inner_product_weights,
        multiplies=True,
    ),
    "Pooling": Kind(
        {"pool": "MAX", "kernel_size": None, **_WINDOW}
        | {"global_pooling": False, "round_mode": "CEIL"},
        shapes.pooling,
    ),
    "LRN": Kind({"local_size": 5, "alpha": 1.0, "beta": 0.75, "k": 1.0}),
    "BatchNorm": Kind(
        {"use_global_stats": None, "moving_average_fraction": 0.999, "eps": 1e-5},
        weights=batch_norm_weights,
    ),
    "Scale": Kind(
        {"bias_term": False, "filler": 1.0, "bias_filler": 0.0},
        weights=scale_weights,
    ),
    "ReLU": Kind({"negative_slope": 0.0}, in_place=True),
    "Sigmoid": Kind({}, in_place=True),
    "TanH": Kind({}, in_place=True),
    "Dropout": Kind({"dropout_ratio": 0.5}, in_place=True),
    "Eltwise": Kind({"operation": "SUM", "coeff": ()}, shapes.eltwise, most_bottoms=64),
    "Concat": Kind({"axis": 1}, shapes.concat, most_bottoms=64),
    "Flatten": Kind({}, shapes.flatten),
    "Softmax": Kind({"axis": 1}),
}

# The words that an argument may take; anything else is refused when the plan is made.
WORDS = {
    ("Pooling", "pool"): ("MAX", "AVE"),
    ("Pooling", "round_mode"): ("CEIL", "FLOOR"),
    ("Eltwise", "operation"): ("SUM", "PROD", "MAX"),
}
