"""Learning in int8: students run as their int8 files will, for all of a training or its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deelish.common.printing import say
from deelish.engines.int8 import CHANNEL, TENSOR, Int8Learning
from deelish.errors import TrainingError
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner

# A student whose weights are not trained yet learns in float32 until this part of the epochs is
# left: its statistics of BatchNorm come first.
LAST = 4
ABOUT = {CHANNEL: "with a scale for each channel", TENSOR: "with one scale a layer"}


@dataclass(frozen=True)
class Int8Rule:
    """How students learn in int8.

    weights: of `WEIGHTS`.  images: the training images on which a student's ranges are measured,
    the same as those of its int8 file.
    """

    weights: str
    images: Callable[[Learner], Sequence[InputTensor]]


def int8_weights(given: Any) -> str | None:
    """`int8=` of BatchTrain, checked: how many scales the weights of a layer have.

    Raises:
        TrainingError: it is neither True, False, "channel" nor "tensor".
    """
    if isinstance(given, bool):
        return CHANNEL if given else None
    if given not in ABOUT:
        raise TrainingError(
            f"BatchTrain(int8={given!r}): give True, or {TENSOR!r} for weights with one scale a"
            " layer, as many microcontrollers need them"
        )
    return str(given)


@dataclass
class _Student:
    """A student's form; from which epoch on; and the part in which its ranges were measured."""

    first: int
    form: Int8Learning | None = None
    measured: tuple[int, bool] | None = None


class Int8Students:
    """The students of one training, each in float32 at first or in its int8 form.

    Ranges are measured before each epoch and before each validation, and stay in between: so each
    process has the same, and a training that goes on has those of before.

    Args:
        rule: how they learn.
        epochs: how many the training has.
    """

    def __init__(self, rule: Int8Rule, epochs: int) -> None:
        self._rule, self._epochs = rule, epochs
        self._students: dict[Learner, _Student] = {}

    def begin(self, student: Learner, epoch: int, *, training: bool) -> None:
        """Before a forward pass: put a student into its form, and measure where it is due.

        Raises:
            TrainingError: the student reads sequences, cannot be followed, or has no epoch left.
            EngineError: its engine does not learn in int8.
        """
        known = self._students.get(student)
        if known is None:
            known = self._students[student] = _Student(self._first(student))
            _report(student, known.first, self._rule.weights)
        if epoch < known.first:
            return
        if known.form is None:
            known.form = self._form(student)
        if known.measured != (epoch, training):
            known.measured = epoch, training
            known.form.measure()

    def end(self) -> None:
        """Students run in float32 again, with the weights that they learnt."""
        for student in self._students.values():
            if student.form is not None:
                student.form.end()

    def state(self, student: Learner) -> dict[str, Any]:
        """How a student learns now, as plain values, for a checkpoint."""
        known = self._students[student]
        ranges = None if known.form is None else known.form.state()
        return {"first": known.first, "measured": known.measured, "ranges": ranges}

    def restore(self, student: Learner, state: dict[str, Any]) -> None:
        """Set what `state` gave."""
        measured = None if state["measured"] is None else tuple(state["measured"])
        known = _Student(state["first"], measured=measured)
        self._students[student] = known
        if state["ranges"] is not None:
            known.form = self._form(student)
            known.form.restore(state["ranges"])

    def _first(self, student: Learner) -> int:
        """The epoch, from 0 on, from which a student learns in int8."""
        if student.sequences is not None:
            raise TrainingError(
                f"BatchTrain(int8=...): {student.name} reads sequences, and int8 is of networks"
                " that see images; leave int8= out"
            )
        if not student.untrained:
            return 0
        if self._epochs == 1:
            raise TrainingError(
                f"BatchTrain(int8=...): {student.name} is not trained yet, and the last quarter of"
                " the epochs is in int8; give two epochs or more"
            )
        return self._epochs - max(1, self._epochs // LAST)

    def _form(self, student: Learner) -> Int8Learning:
        engine = student.engine
        # A module of the user's may have other initial weights in each process.
        engine.group.broadcast_weights(student.module)
        images = [each.inputs_of(student)[student.data_blob] for each in self._rule.images(student)]
        return engine.learn_int8(
            student.name, student.module, student.data_blob, self._rule.weights, images
        )


def _report(student: Learner, first: int, weights: str) -> None:
    since = "" if first == 0 else f" from epoch {first + 1} on, and in float32 before"
    say(f"{student.name}: learns in int8{since}; its weights {ABOUT[weights]}")
