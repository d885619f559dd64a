"""Losses on arrays, images and others that are no logits, each written once for every engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deelish.common.suggestions import nearest
from deelish.distillation.weighting import loss_weights
from deelish.engines.base import Engine
from deelish.errors import TrainingError

# The names of `ARRAY_LOSSES`, for editors and type checkers.
ArrayLossName = Literal["binary_cross_entropy", "mse"]
# A loss is the mean over all numbers, or over the images of the sum of their numbers.
Per = Literal["number", "image"]
# Added to a probability, so that its logarithm is finite.
TINY = 1e-12


@dataclass(frozen=True)
class ArrayPair:
    """What a loss compares: output and target (n, ...) of one shape, tensors of the engine."""

    engine: Engine
    output: Any
    target: Any


def binary_cross_entropy(pair: ArrayPair) -> Any:
    """The sum of -t log p - (1 - t) log(1 - p) over all numbers, p the output and t the target.

    In nats. Of pixels between 0 and 1, its least value is their entropy, not 0.
    """
    engine, p, t = pair.engine, pair.output, pair.target
    return -engine.sum(t * engine.log(p + TINY) + (1 - t) * engine.log(1 - p + TINY))


def squared_error(pair: ArrayPair) -> Any:
    """The sum of the squared differences over all numbers."""
    distance = pair.output - pair.target
    return pair.engine.sum(distance * distance)


@dataclass(frozen=True)
class ArrayLoss:
    """A loss by name.

    Attributes:
        function: an `ArrayPair` -> the sum over all its numbers, a scalar.
        of_probabilities: whether outputs and targets have to be from 0 to 1.
    """

    function: Callable[[ArrayPair], Any]
    of_probabilities: bool = False


ARRAY_LOSSES: dict[str, ArrayLoss] = {
    "binary_cross_entropy": ArrayLoss(binary_cross_entropy, of_probabilities=True),
    "mse": ArrayLoss(squared_error),
}
OPTIONS = ("per", "alpha", "weight", "label_weight")


@dataclass(frozen=True)
class ConfiguredArrayLoss:
    """A loss on arrays that is ready to compute.

    Attributes:
        name: what errors call it.
        row: the loss.
        per: what it is a mean over.
        weights: those of `alpha`, `weight` and `label_weight` that were given.
    """

    name: str
    row: ArrayLoss
    per: Per
    weights: Mapping[str, Any]

    def __call__(self, pair: ArrayPair) -> Any:
        """The loss, a scalar of the engine."""
        shape = pair.output.shape
        return self.row.function(pair) / (shape[0] * self.factor(shape))

    def factor(self, shape: Sequence[int]) -> int:
        """How many numbers of an output (n, ...) of this shape the loss is a mean over."""
        return 1 if self.per == "image" else math.prod(shape[1:])

    def shares(self, mixed: bool, epoch: float) -> tuple[float, float]:
        """The weights of the teacher's part and of the targets' part; halves where none is given.

        mixed: whether targets were given with the teacher's outputs.
        """
        return loss_weights((0.5, 0.5), self.weights, mixed, epoch)


def configure_array_loss(
    student: str, loss: Any, options: Mapping[str, Any]
) -> ConfiguredArrayLoss:
    """The loss of this name with its options.

    Raises:
        TrainingError: no name, an unknown one, or an option that is not known or out of range.
    """
    if not isinstance(loss, str) or loss not in ARRAY_LOSSES:
        hint = nearest(loss, ARRAY_LOSSES) if isinstance(loss, str) else "give its name"
        got = "a function" if callable(loss) else repr(loss)
        raise TrainingError(
            f"{student}.backprop: loss={got} compares no arrays; {hint}, one of"
            f" {', '.join(map(repr, ARRAY_LOSSES))}"
        )
    for key in options:
        if key not in OPTIONS:
            raise TrainingError(
                f"backprop: loss {loss!r} on arrays takes no {key!r}; it takes {', '.join(OPTIONS)}"
            )
    per = options.get("per", "number")
    if per not in ("number", "image"):
        raise TrainingError(
            f"backprop: per={per!r}; give 'number' for the mean over all numbers, or 'image' for"
            " the sum of each image's"
        )
    weights = {key: value for key, value in options.items() if key != "per"}
    return ConfiguredArrayLoss(loss, ARRAY_LOSSES[loss], per, weights)
