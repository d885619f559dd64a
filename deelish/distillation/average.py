"""A student's own running average as its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deelish.common.checks import is_number
from deelish.distillation.answering import Answering
from deelish.errors import TrainingError
from deelish.network.network import Network
from deelish.plan.arrays import rows_of

if TYPE_CHECKING:
    from deelish.network.tensors import ImageTensor


class Average(Answering):
    """The running average of a student's weights: Tarvainen and Valpola 2017, "Mean teachers".

    After each update of the student, average = decay * average + (1 - decay) * student; running
    statistics are the student's. It starts as the student is now, learns nothing by itself and is
    not saved with the student. It catches up when it is asked: where the student has made n updates
    since, the average takes one step of decay^n, which for n = 1, a teacher asked on every batch,
    is the recurrence itself, and beyond counts the weights between as the last ones.

    Args:
        student: the network to follow.
        decay: the share of the past, from 0 up to 1: 0.999 is a memory of 1000 updates.

    Raises:
        TrainingError: the student is no network, or the decay is out of range.
    """

    def __init__(self, student: Network, decay: float = 0.999) -> None:
        if not isinstance(student, Network):
            raise TrainingError(
                f"Average({type(student).__name__}): follows a network that learns; give the"
                " student"
            )
        if not (is_number(decay) and 0 <= decay < 1):
            raise TrainingError(
                f"Average(decay={decay!r}): give the share of the past, from 0 up to, not with, 1"
            )
        self.student, self.decay = student, decay
        self.name = f"average of {student.name}"
        self.labels, self.session = student.labels, student.session
        self.preprocessing, self.parameters = student.preprocessing, student.parameters
        engine = self.session.engine
        self.module = engine.build(student.plan, engine.state(student.module))
        self._version = student.version

    @property
    def classes(self) -> int:
        """The student's."""
        return self.student.classes

    @property
    def new_layers(self) -> set[str]:
        """None: a mean teacher starts with its student, from first values too."""
        return set()

    @property
    def learning(self) -> bool:
        """Always: it follows the student."""
        return True

    def _logits(self, images: ImageTensor) -> Any:
        self._catch_up()
        plan = self.student.plan
        inputs = {plan.data: self.session.engine.input_of(images.pixels(self), self.preprocessing)}
        answer = self.session.engine.run(
            self.module, inputs, [plan.logits], training=False, half=True
        )
        return rows_of(answer[plan.logits], plan.logits)

    def _catch_up(self) -> None:
        updates = self.student.version - self._version
        if updates:
            decay = float(self.decay**updates)
            self.session.engine.ema_update(self.module, self.student.module, decay)
            self._version = self.student.version

    def fingerprint(self) -> None:
        """None: its answers change with every update of the student."""

    def __repr__(self) -> str:
        return f"{self.name} | decay {self.decay:g} | {self.classes} classes | teaches only"
