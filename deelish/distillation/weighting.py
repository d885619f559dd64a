"""Weights of the parts of a loss: numbers, or functions of the epoch for a warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from deelish.common.checks import is_number, takes
from deelish.errors import TrainingError

# A number, or a function of the epoch: 0.0 at the start, 1.5 in the middle of the second one.
Weight = float | Callable[[float], float]


def at_epoch(name: str, weight: Any, epoch: float, maximum: float = math.inf) -> float:
    """The weight's value now, from 0 to `maximum`.

    Raises:
        TrainingError: it is no number, gives none as a function, or is out of range.
    """
    if callable(weight) and not takes(weight, 1):
        raise TrainingError(
            f"backprop: the function {name}= is called with the epoch; write lambda epoch: ..."
        )
    value = weight(epoch) if callable(weight) else weight
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if is_number(value) and 0 <= value <= maximum:
        return float(value)
    got = f"{name}={value!r}"
    if callable(weight):
        got = f"the function {name}= gave {value!r} at epoch {epoch:g}"
    if name == "alpha":
        raise TrainingError(f"backprop: {got}; give the weight of the teacher's part, from 0 to 1")
    raise TrainingError(
        f"backprop: {got}; give a number from 0 on, or a function of the epoch such as"
        " lambda epoch: min(1, epoch / 20)"
    )


def loss_weights(
    published: tuple[float, float], given: Mapping[str, Any], mixed: bool, epoch: float
) -> tuple[float, float]:
    """The weights of the teacher's part and of the labels' part of the loss.

    Args:
        published: the weights where labels count too and none are given.
        given: `alpha`, the weight of the teacher's part, which leaves 1 - alpha to the labels; or
            `weight` and `label_weight`.
        mixed: whether labels were given with the teacher's logits.
        epoch: now.

    Raises:
        TrainingError: alpha together with one of the others, or a value that is no weight.
    """
    others = [name for name in ("weight", "label_weight") if name in given]
    if "alpha" in given and others:
        raise TrainingError(
            f"backprop: alpha= and {others[0]}= both weigh the loss; give alpha= alone, or weight="
            " and label_weight="
        )
    if "alpha" in given:
        alpha = at_epoch("alpha", given["alpha"], epoch, maximum=1.0)
        return alpha, 1 - alpha
    default = published if mixed else (1.0, 0.0)
    teacher = at_epoch("weight", given.get("weight", default[0]), epoch)
    return teacher, at_epoch("label_weight", given.get("label_weight", default[1]), epoch)
