"""One step of learning: what `backprop` does with the batch that a network classified last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deelish.distillation.checks import teacher_logits
from deelish.distillation.configured_loss import ConfiguredLoss, configure_loss
from deelish.distillation.hints import Hint, hint_loss, hints_of, student_blobs
from deelish.distillation.losses import LogitPair
from deelish.distillation.weighting import loss_weights
from deelish.errors import TrainingError
from deelish.network.model import Forward, Model
from deelish.training.targets import Targets, targets_of
from deelish.training.trainer import Trainer


class Outcome(NamedTuple):
    """What a batch gave: its loss, and the fraction of its images whose true label came first."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Asked:
    """What a script asked of `backprop`, under its names."""

    distill: Any
    loss: Any
    hint: Any
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Lesson:
    """How a student learns from a teacher's logits, as a script asked for it."""

    loss: ConfiguredLoss
    hints: list[Hint]
    # Whether labels were given beside the logits.
    mixed: bool


def backprop(trainer: Trainer, student: Model, t: Any, asked: Asked) -> Outcome:
    """Loss of the batch, an update of the weights in training, and the accuracy.

    Raises:
        TrainingError: before `classify`, a teacher that cannot teach, or a loss, a hint or an
            option that is not known.
        PlanError: a hint names a layer that is not there.
        DataError: labels outside of the network's classes.
    """
    made = trainer.pending(student)
    distill, mixed = asked.distill, not isinstance(asked.distill, bool)
    labels = t if mixed or not distill else trainer.images.labels
    targets = targets_of(student, labels, len(trainer.images))
    taught = None
    if distill is False:
        _check_alone(student, asked)
        value = targets.loss(student, made)
    else:
        lesson = Lesson(configure_loss(asked.loss, asked.options), hints_of(asked.hint), mixed)
        given = distill if mixed else t
        teacher, taught = teacher_logits(student, given, trainer.memory)
        made = _with_features(student, made, lesson.hints, trainer)
        value = _taught(student, made, targets, teacher, lesson, trainer.epoch)
        if lesson.hints:
            value = value + hint_loss(student, made.logits, given, lesson.hints, trainer.memory)
    return _finished(trainer, student, made, targets, value, taught)


def _finished(
    trainer: Trainer, student: Model, made: Forward, targets: Targets, value: Any, taught: Any
) -> Outcome:
    """The update, in training, and what the batch gave."""
    engine = student.engine
    number = float(engine.numpy(value))
    _check_finite(student, number, trainer)
    predicted = engine.numpy(made.logits.content).argmax(1)
    if taught is not None:
        trainer.agreement = float((predicted == taught.argmax(1)).mean())
    if trainer.training:
        trainer.update(student, value)
    trainer.done(student)
    return Outcome(number, float((predicted == targets.labels).mean()))


def _taught(
    student: Model, made: Forward, targets: Targets, teacher: Any, lesson: Lesson, epoch: float
) -> Any:
    """The teacher's part of the loss and the labels' part, by their weights."""
    loss = lesson.loss
    if loss.needs_labels and targets.shares is not None:
        raise TrainingError(
            f"{student.name}.backprop: loss {loss.name!r} needs one true class an image, and this"
            " batch mixes images; take another loss, or InputBatch without mix="
        )
    weight, label_weight = loss_weights(loss.published, loss.weights, lesson.mixed, epoch)
    engine, logits = student.engine, made.logits.content
    value = loss(LogitPair(engine, logits, teacher, targets.labels)) * weight
    if label_weight:
        value = value + targets.loss(student, made) * label_weight
    return value


def _with_features(student: Model, made: Forward, hints: list[Hint], trainer: Trainer) -> Forward:
    """The student's logits with the blobs that the hints compare beside them.

    From the second batch on they are there. For the first one the student runs again.
    """
    blobs = student_blobs(student, hints)
    for blob in blobs:
        trainer.memory.read(student, blob)
    if all(blob in made.logits.features for blob in blobs):
        return made
    # The batch's first student draws the same dropout, and so gives the same logits. What moves
    # twice on this one batch are the running means of BatchNorm, and the buffers of a user's own
    # layers.
    trainer.seed_dropout()
    return trainer.forward(student, trainer.images)


def _check_alone(student: Model, asked: Asked) -> None:
    """On labels alone there is nothing to choose."""
    given = [
        *(["loss"] if asked.loss != "kd" else []),
        *(["hint"] if asked.hint is not None else []),
        *asked.options,
    ]
    if given:
        raise TrainingError(
            f"{student.name}.backprop: {given[0]}= is about a teacher's logits, and there are none;"
            " pass distill=logits with logits = teacher.batch_feature(x)"
        )


def _check_finite(student: Model, loss: float, trainer: Trainer) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"{student.name}: the loss is {loss} at {trainer.where}; the weights are those before"
            " this batch; look at its images, or train with a lower lr="
        )
