"""A loss with its options, checked: one of `LOSSES` by name, or a script's own function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from deelish.common.arguments import check_names
from deelish.common.checks import is_number, takes
from deelish.common.suggestions import nearest
from deelish.distillation.across_batch import over_whole_batch
from deelish.distillation.array_losses import Per
from deelish.distillation.losses import LOSSES, LogitPair, Loss, standardised
from deelish.distillation.weighting import Weight
from deelish.errors import TrainingError


class LossOptions(TypedDict, total=False):
    """The options of `backprop`; which of them a loss takes is in `LOSSES`.

    standardise: z-scores of the logits first.  alpha: weight of the teacher's part, 0 to 1.
    weight, label_weight: the factors on the teacher's and the labels' parts.  temperature: of the
    softmax.  tckd, nckd: the factors of "dkd".  beta, gamma: those of "dist".  per: what a loss on
    arrays is a mean over, "number" or "image".
    """

    standardise: bool
    alpha: Weight
    weight: Weight
    label_weight: Weight
    temperature: float
    tckd: float
    nckd: float
    beta: float
    gamma: float
    per: Per


# The arguments of `backprop` that are no options of a loss.
_ARGUMENTS = ("t", "distill", "loss", "hint", "layer", "label_smoothing")


def check_options(verb: str, options: Mapping[str, Any]) -> None:
    """Refuse an option that no loss takes, also none that a script has put into `LOSSES`.

    Raises:
        UsageError: there is one; the nearest of them, or of backprop's arguments, is named.
    """
    if not options.keys() <= LossOptions.__annotations__.keys():
        every = [*COMMON, *(option for row in LOSSES.values() for option in row.options)]
        check_names(verb, options, [*_ARGUMENTS, *every])


# The options of every loss, a script's own function too.
COMMON = ("standardise", "alpha", "weight", "label_weight")


@dataclass(frozen=True)
class ConfiguredLoss:
    """A loss that is ready to compute.

    Attributes:
        name: what errors call it.
        published: the weights of teacher and labels, where labels count too.
        weights: those of `alpha`, `weight` and `label_weight` that were given.
        needs_labels: whether it needs the true class of each image.
        across_batch: whether it compares the images of the batch with each other.
    """

    name: str
    published: tuple[float, float]
    weights: Mapping[str, Any]
    needs_labels: bool
    standardise: bool
    across_batch: bool
    function: Callable[[LogitPair], Any]

    def __call__(self, pair: LogitPair, fraction: float = 1.0) -> Any:
        """The loss, a scalar of the engine, of this process's fraction of the batch."""
        pair = standardised(pair) if self.standardise else pair
        if not self.across_batch:
            return self.function(pair)
        return over_whole_batch(
            pair.engine,
            fraction,
            lambda student, teacher: self.function(LogitPair(pair.engine, student, teacher, None)),
            pair.student,
            pair.teacher,
        )


def configure_loss(loss: Any, options: Mapping[str, Any]) -> ConfiguredLoss:
    """The loss of this name, or a script's own function of two arrays of logits, student first.

    Raises:
        TrainingError: an unknown loss or option, or a value out of range.
    """
    row, name = _row(loss)
    given = {**row.options, **options}
    known = dict.fromkeys((*row.options, *COMMON))
    for key in options:
        if key not in known:
            raise TrainingError(
                f"backprop: loss {name!r} takes no {key!r}; it takes {', '.join(known)}"
            )
    standardise = given.get("standardise", False)
    if not isinstance(standardise, bool):
        raise TrainingError(f"backprop: standardise={standardise!r}; give True or False")
    own = {key: _checked(key, given[key]) for key in row.options}
    weights = {key: given[key] for key in COMMON[1:] if key in options and key not in own}
    return ConfiguredLoss(
        name,
        row.weights,
        weights,
        row.needs_labels,
        standardise,
        row.across_batch,
        lambda pair: row.function(pair, **own),
    )


def _row(loss: Any) -> tuple[Loss, str]:
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss], loss
    if isinstance(loss, str):
        raise TrainingError(
            f"backprop: there is no loss {loss!r}; {nearest(loss, LOSSES)}, or give a function of"
            " student's and teacher's logits"
        )
    if not callable(loss):
        raise TrainingError(
            f"backprop: loss={loss!r}; give a name ({', '.join(LOSSES)}) or a function of student's"
            " and teacher's logits"
        )
    name = getattr(loss, "__name__", type(loss).__name__)
    if not takes(loss, 2):
        raise TrainingError(
            f"backprop: loss {name!r} is called with two arrays of logits; write"
            " def loss(student, teacher): ..."
        )
    return Loss(lambda pair: _own(loss, name, pair), {}), name


def _own(loss: Callable[[Any, Any], Any], name: str, pair: LogitPair) -> Any:
    """The value of a script's function, checked."""
    value = loss(pair.student, pair.teacher)
    engine = pair.engine
    if not engine.is_own(value) or tuple(value.shape):
        got = f"shape {tuple(value.shape)}" if engine.is_own(value) else type(value).__name__
        raise TrainingError(
            f"backprop: loss {name!r} returned {got}, where a scalar of {engine.name} is needed;"
            " compute it from the two arrays of logits and end it with a sum or a mean"
        )
    if pair.student.requires_grad and not value.requires_grad:
        raise TrainingError(
            f"backprop: loss {name!r} returned a number without a gradient, so that nothing would"
            f" be trained; compute it from the first array with functions of {engine.name}"
        )
    return value


def _checked(key: str, value: Any) -> float:
    if key == "temperature" and not (is_number(value) and value > 0):
        raise TrainingError(f"backprop: temperature={value!r}; give a number above 0")
    if not (is_number(value) and value >= 0):
        raise TrainingError(f"backprop: {key}={value!r}; give a number from 0 on")
    return float(value)
