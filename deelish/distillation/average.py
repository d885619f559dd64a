"""The running average of a student's weights, as its teacher."""

from __future__ import annotations

import weakref
from typing import Any

from deelish.common.checks import is_number
from deelish.engines.state import SavedState
from deelish.errors import TrainingError
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor


class MovingAverage(Predictor):
    """The running average of a student's weights; `Average` documents its arguments."""

    def __init__(self, student: Learner, decay: float = 0.999) -> None:
        if not isinstance(student, Learner):
            raise TrainingError(
                f"Average({type(student).__name__}): follows a network in training; give the"
                " student"
            )
        if not (is_number(decay) and 0 <= decay < 1):
            raise TrainingError(
                f"Average(decay={decay!r}): give the fraction of the past, from 0 up to below 1"
            )
        self.student, self.decay = student, decay
        self.name = f"average of {student.name}"
        self.labels, self.context = student.labels, student.context
        self.preprocessing, self.parameters = student.preprocessing, student.parameters
        self.sequences = student.sequences
        self.module = student.copied_module()
        self._version = student.version
        student.averages.append(weakref.ref(self))

    @property
    def classes(self) -> int:
        """Those of the student."""
        return self.student.classes

    @property
    def has_classes(self) -> bool:
        """Whether the student's output is logits."""
        return self.student.has_classes

    @property
    def output_shape(self) -> tuple[int, ...]:
        """That of the student."""
        return self.student.output_shape

    @property
    def learning(self) -> bool:
        """Always true: it follows the student."""
        return True

    def logits(self, images: InputTensor) -> Any:
        """The logits of the average as it is now: the engine's tensor (n, classes)."""
        self._catch_up()
        return self.student.logits_by(self.module, images)

    def exact_logits(self, images: InputTensor) -> Any:
        self._catch_up()
        return self.student.logits_by(self.module, images, reduced=False)

    def _catch_up(self) -> None:
        updates = self.student.version - self._version
        if updates:
            # A module of the user's may have other initial weights in each process.
            self.engine.group.broadcast_weights(self.module)
            decay = float(self.decay**updates)
            self.engine.ema_update(self.module, self.student.module, decay)
            self._version = self.student.version

    def state(self) -> SavedState:
        """The average as it is now, for a checkpoint of the student."""
        behind = self.student.version - self._version
        return SavedState(self.engine.arrays(self.module), {"behind": behind})

    def restore(self, state: SavedState) -> None:
        """Set what `state` gave; the student has been restored before."""
        self.engine.set_arrays(self.module, state.arrays)
        self._version = self.student.version - state.values["behind"]

    def fingerprint(self) -> None:
        """None, since its logits change with every update of the student."""

    def __repr__(self) -> str:
        return f"{self.name} | decay {self.decay:g} | {self.classes} classes | teacher only"
