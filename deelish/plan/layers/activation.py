"""Kinds that work element by element: activations, formulas, Dropout, Eltwise, Softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deelish.errors import PlanError
from deelish.plan.kind import MANY, REQUIRED, Blob, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, axis_of, listed


def prelu(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, ...) -> the same."""
    if len(bottoms[0]) < 2:
        raise PlanError(f"reads {bottoms[0]}; it needs (batch, channels, ...)")
    return [bottoms[0]]


def prelu_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """weight, the slope below zero: (c), or () where all channels share it."""
    return {"weight": Blob(() if args["channel_shared"] else bottoms[0][1:2], args["filler"])}


def based(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Exp and Log: any shape -> the same, for a base above 0, or -1 for e."""
    if args["base"] != -1 and not 0 < args["base"] < math.inf:
        raise PlanError(f"base is {args['base']}; give one above 0, or -1 for e")
    return [bottoms[0]]


def log(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """As `based`, but there is no logarithm to the base 1."""
    if args["base"] == 1:
        raise PlanError("base is 1, to which there is no logarithm; give another, or -1 for e")
    return based(args, bottoms, tops)


def clip(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Any shape -> the same."""
    if args["min"] > args["max"]:
        raise PlanError(f"min is {args['min']} and max {args['max']}; give the lower one as min")
    return [bottoms[0]]


def dropout(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Any shape -> the same."""
    if not 0 <= args["dropout_ratio"] < 1:
        raise PlanError(f"dropout_ratio is {args['dropout_ratio']}; give 0 or more, below 1")
    return [bottoms[0]]


def eltwise(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Bottoms of one shape -> that shape. Caffe never broadcasts here."""
    if any(shape != bottoms[0] for shape in bottoms):
        raise PlanError(f"reads {listed(bottoms)}; Eltwise needs equal shapes")
    count = len(args["coeff"])
    if count and (args["operation"] == "PROD" or count != len(bottoms)):
        raise PlanError(
            f"has {count} coeff for {len(bottoms)} bottoms and operation {args['operation']};"
            " give one a bottom, with SUM"
        )
    return [bottoms[0]]


def softmax(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Any shape that has the axis -> the same."""
    axis_of(args["axis"], len(bottoms[0]))
    return [bottoms[0]]


_LINE = {"scale": 1.0, "shift": 0.0}

KINDS = {
    "ReLU": LayerKind({"negative_slope": 0.0}, in_place=True),
    "PReLU": LayerKind(
        {"channel_shared": False, "filler": 0.25}, prelu, prelu_weights, in_place=True
    ),
    "ELU": LayerKind({"alpha": 1.0}, in_place=True),
    "Sigmoid": LayerKind({}, in_place=True),
    "TanH": LayerKind({}, in_place=True),
    "AbsVal": LayerKind({}),
    "BNLL": LayerKind({}),
    "Swish": LayerKind({"beta": 1.0}),
    "GELU": LayerKind({}, in_place=True, caffe=False),
    "Clip": LayerKind({"min": REQUIRED, "max": REQUIRED}, clip),
    "Threshold": LayerKind({"threshold": 0.0}),
    "Power": LayerKind({"power": 1.0, **_LINE}),
    "Exp": LayerKind({"base": -1.0, **_LINE}, based),
    "Log": LayerKind({"base": -1.0, **_LINE}, log),
    "Dropout": LayerKind({"dropout_ratio": 0.5}, dropout, in_place=True),
    "Eltwise": LayerKind(
        {"operation": "SUM", "coeff": ()},
        eltwise,
        bottoms=(2, MANY),
        choices={"operation": ("SUM", "PROD", "MAX")},
    ),
    "Softmax": LayerKind({"axis": 1}, softmax, scores=True),
}
