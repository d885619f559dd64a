"""Lookahead: slow weights that a student in training goes back to after so many updates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deelish.common.checks import is_count, is_number
from deelish.engines.state import SavedState
from deelish.errors import TrainingError
from deelish.network.learner import Learner
from deelish.training.schedules import plain_number

# The fraction of the past in the slow weights; the paper's alpha is 1 less this.
DECAY = 0.5

# A number, or the fraction of the training that is over, 0 to 1 -> a number.
Decay = float | Callable[[float], float]


@dataclass(frozen=True)
class Lookahead:
    """How the slow weights follow: after so many updates of a student, by this decay."""

    every: int
    decay: Decay


def lookahead_of(every: Any, decay: Any) -> Lookahead | None:
    """`lookahead=` and `lookahead_decay=` of BatchTrain, checked; None without the first.

    Raises:
        TrainingError: a value that cannot be used.
    """
    if every is None:
        if callable(decay) or decay != DECAY:
            raise TrainingError(
                "BatchTrain: lookahead_decay= is about lookahead=; give that too, lookahead=5"
            )
        return None
    if not is_count(every):
        raise TrainingError(
            f"BatchTrain(lookahead={every!r}): give after how many updates, a whole number above 0"
        )
    if not callable(decay) and not (is_number(decay) and 0 <= decay < 1):
        raise TrainingError(
            f"BatchTrain(lookahead_decay={decay!r}): give the fraction of the past, from 0 up to"
            " below 1, or a function of the fraction of the training that is over"
        )
    return Lookahead(every, decay)


@dataclass
class _Slow:
    """The slow weights of one student: a module of its own, and how many updates it has had."""

    module: Any
    updates: int = 0


class SlowWeights:
    """The slow weights of all students of one training.

    Zhang, Lucas, Hinton and Ba 2019, "Lookahead optimizer: k steps forward, 1 step back", algorithm
    1, where d is 1 - alpha: after every k updates slow = d * slow + (1 - d) * weights, and then
    weights = slow. Running statistics follow as the weights do, and the optimiser keeps what it
    remembers.

    Args:
        rule: k, and d.
        updates: how many updates the training has.

    Raises:
        TrainingError: no student could have so many updates.
    """

    def __init__(self, rule: Lookahead, updates: int) -> None:
        if rule.every > updates:
            raise TrainingError(
                f"BatchTrain(lookahead={rule.every}): the training has {updates} updates; give"
                " no more than these"
            )
        self._rule = rule
        self._slow: dict[Learner, _Slow] = {}

    def begin(self, student: Learner) -> None:
        """Begin with the weights as they are now, before the first forward pass of a student."""
        if student not in self._slow:
            # A module of the user's may have other initial weights in each process.
            student.engine.group.broadcast_weights(student.module)
            self._slow[student] = _Slow(student.copied_module())

    def updated(self, student: Learner, progress: float) -> None:
        """Note an update of a student.

        progress: the fraction of the training that is over.
        """
        slow = self._slow[student]
        slow.updates += 1
        if slow.updates % self._rule.every == 0:
            decay = self._decay(progress)
            student.engine.ema_update(slow.module, student.module, decay, buffers=True)
            student.engine.ema_update(student.module, slow.module, 0.0)

    def settle(self, students: Iterable[Learner]) -> None:
        """Give students their slow weights, at the end of the training.

        One whose slow weights never moved keeps its own: they are those that it began with.
        """
        for student in students:
            updates = self._slow[student].updates
            if updates > self._rule.every and updates % self._rule.every:
                student.engine.ema_update(student.module, self._slow[student].module, 0.0)
                student.version += 1

    def state(self, student: Learner) -> SavedState:
        """The slow weights of a student, for a checkpoint."""
        self.begin(student)
        slow = self._slow[student]
        return SavedState(student.engine.arrays(slow.module), {"updates": slow.updates})

    def restore(self, student: Learner, state: SavedState) -> None:
        """Set what `state` gave."""
        self.begin(student)
        slow = self._slow[student]
        student.engine.set_arrays(slow.module, state.arrays)
        slow.updates = state.values["updates"]

    def _decay(self, progress: float) -> float:
        if not callable(self._rule.decay):
            return self._rule.decay
        decay = plain_number(self._rule.decay(progress))
        if not (is_number(decay) and 0 <= decay <= 1):
            raise TrainingError(
                f"the function lookahead_decay= gave {decay!r} at {progress:g} of the training;"
                " return the fraction of the past, a number from 0 to 1"
            )
        return float(decay)
