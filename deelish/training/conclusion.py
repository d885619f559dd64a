"""The end of a training step: the loss is checked, and in training the weights are updated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deelish.network.learner import Learner
from deelish.training.finite import check_loss
from deelish.training.trainer import Trainer


def conclude(trainer: Trainer, student: Learner, loss: Any, unchanged: Iterable[str] = ()) -> float:
    """The loss as a number, after an update in training.

    Args:
        trainer: the training.
        student: the network that learns.
        loss: a scalar of the engine.
        unchanged: layers that the loss does not depend on.

    Raises:
        NotFinite: the loss, a gradient or a weight is not finite.
    """
    number = float(student.engine.numpy(loss))
    check_loss(trainer.guard, student, number)
    if trainer.training:
        trainer.update(student, loss, unchanged)
    elif student.engine.group.all_sum([trainer.guard.failed])[0]:
        trainer.guard.fail_together(student)
    trainer.done(student)
    return number
