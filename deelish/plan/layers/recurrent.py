"""Kinds that go through time: LSTM, RNN, and what leads to them. Blobs are (time, batch, ...)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from deelish.errors import PlanError
from deelish.plan.kind import REQUIRED, Blob, Blobs, LayerKind
from deelish.plan.shapes import Args, Shape, image

Rule = Callable[[Args, Sequence[Shape], int], list[Shape]]


def is_static(args: Args, bottoms: int, states: int) -> bool:
    """Whether the third of so many bottoms is an input that holds for all times.

    Bottoms are x, cont, then this one, then with `expose_hidden` the states to begin with
    (recurrent_layer.cpp).
    """
    return bottoms > 2 + (states if args["expose_hidden"] else 0)


def _rule(states: int) -> Rule:
    """The shape rule of a kind that keeps so many states."""

    def rule(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
        """(time, n, ...) -> (time, n, num_output), and with `expose_hidden` the last states."""
        exposed = states * args["expose_hidden"]
        if len(bottoms) not in (2 + exposed, 3 + exposed) or tops != 1 + exposed:
            raise PlanError(
                f"reads {len(bottoms)} blobs and makes {tops}; with expose_hidden"
                f" {args['expose_hidden']} it reads {2 + exposed} or {3 + exposed} and makes"
                f" {1 + exposed}"
            )
        x, cont = bottoms[:2]
        if len(x) < 3 or cont != x[:2]:
            raise PlanError(f"reads {x} and cont {cont}; give (time, batch, ...) and (time, batch)")
        if is_static(args, len(bottoms), states) and (len(bottoms[2]) < 2 or bottoms[2][0] != x[1]):
            raise PlanError(f"reads the static input {bottoms[2]}; it is ({x[1]}, ...)")
        state = (1, x[1], args["num_output"])
        for shape in bottoms[len(bottoms) - exposed :]:
            if shape != state:
                raise PlanError(f"reads the state {shape}; it is {state}")
        return [(*x[:2], args["num_output"]), *[state] * exposed]

    return rule


def lstm_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """Of inputs, bias, static inputs and states, for the gates i, f, o and g in this order."""
    return _into_gates(args, bottoms, 2, 4 * args["num_output"])


def rnn_weights(args: Args, bottoms: Sequence[Shape]) -> Blobs:
    """Of inputs, bias, static inputs and states; then weight and bias of the output."""
    size = args["num_output"]
    return {
        **_into_gates(args, bottoms, 1, size),
        "weight_output": Blob((size, size), args["weight_filler"]),
        "bias_output": Blob((size,), args["bias_filler"]),
    }


def _into_gates(args: Args, bottoms: Sequence[Shape], states: int, gates: int) -> Blobs:
    filler = args["weight_filler"]
    blobs = {
        "weight": Blob((gates, math.prod(bottoms[0][2:])), filler),
        "bias": Blob((gates,), args["bias_filler"]),
    }
    if is_static(args, len(bottoms), states):
        blobs["weight_static"] = Blob((gates, math.prod(bottoms[2][1:])), filler)
    return {**blobs, "weight_hidden": Blob((gates, args["num_output"]), filler)}


# `debug_info` makes Caffe write more into its log; it changes no number.
_ARGS = {
    "num_output": REQUIRED,
    "weight_filler": "xavier",
    "bias_filler": 0.0,
    "debug_info": False,
    "expose_hidden": False,
}


def stepped(args: Args, blobs: Blobs, bottoms: Sequence[Shape], tops: Sequence[Shape]) -> int:
    """Every step multiplies with all matrices but that of the static input, which comes once."""
    matrices = {name: blob.size for name, blob in blobs.items() if len(blob.shape) > 1}
    once = matrices.pop("weight_static", 0)
    return bottoms[0][0] * sum(matrices.values()) + once


def from_image(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, c, h, w) -> the rows of the image, from its top on, (h, n, c w), and cont (h, n).

    cont is 0 at the first row and 1 at the others: every image is a sequence.
    """
    n, c, h, w = image(bottoms[0])
    return [(h, n, c * w), (h, n)]


def last_step(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(time, n, ...) -> (n, ...), what there is at the last time."""
    if len(bottoms[0]) < 3:
        raise PlanError(f"reads {bottoms[0]}; it needs (time, batch, ...)")
    return [bottoms[0][1:]]


KINDS = {
    "ImageToSequence": LayerKind({}, from_image, tops=(2, 2), caffe=False),
    "LastStep": LayerKind({}, last_step, caffe=False),
    "LSTM": LayerKind(_ARGS, _rule(2), lstm_weights, bottoms=(2, 5), tops=(1, 3), products=stepped),
    "RNN": LayerKind(_ARGS, _rule(1), rnn_weights, bottoms=(2, 4), tops=(1, 2), products=stepped),
}
