"""One training step: what `backprop` does with the batch that a network classified last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from deelish.distillation.checks import teacher_logits
from deelish.distillation.configured_loss import ConfiguredLoss, configure_loss
from deelish.distillation.features import configure_feature_loss, feature_loss, is_features
from deelish.distillation.hints import hint_loss, hints_of, student_blobs
from deelish.distillation.losses import LogitPair
from deelish.distillation.weighting import loss_weights
from deelish.errors import TrainingError
from deelish.network.forward import Forward
from deelish.network.learner import Learner
from deelish.network.tensors import LabelTensor
from deelish.training.array_step import learn_arrays, learns_arrays
from deelish.training.backprop_arguments import BackpropArguments, Outcome
from deelish.training.conclusion import conclude
from deelish.training.finite import check_input, check_labels, check_teacher
from deelish.training.targets import Targets, check_label_smoothing, known_targets, targets_of
from deelish.training.trainer import Trainer


class Objective(NamedTuple):
    """What a student learns from a batch.

    value: the loss, a scalar of the engine.  taught: the teacher's logits as an array, or None.
    unchanged: layers that the loss does not depend on.
    """

    value: Any
    taught: Any = None
    unchanged: Iterable[str] = ()


@dataclass(frozen=True)
class Distillation:
    """How a student learns from a teacher's logits: the chosen loss, and at which epoch."""

    loss: ConfiguredLoss
    # Whether labels were given beside the logits.
    with_labels: bool
    epoch: float
    # This process's fraction of the batch.
    fraction: float


def backprop(trainer: Trainer, student: Learner, t: Any, arguments: BackpropArguments) -> Outcome:
    """Loss of the batch, an update of the weights in training, and the accuracy.

    Raises:
        TrainingError: before `classify`, a teacher that cannot teach, a loss, a hint or an option
            that is not known, or label smoothing of a loss without labels.
        PlanError: a hint names a layer that is not there.
        DataError: labels outside of the network's classes.
        NotFinite: NaN or infinity in the input, the labels, the teacher's logits or features, the
            loss, the gradients, or the weights after the update.
    """
    forward = trainer.pending(student)
    check_input(trainer.guard, student, forward)
    if learns_arrays(student, t, arguments):
        return learn_arrays(trainer, student, forward, t, arguments)
    smoothing = arguments.label_smoothing
    check_label_smoothing(student, smoothing, labelled=_is_labelled(t, arguments))
    if is_features(arguments.distill):
        return _from_features(trainer, student, forward, t, arguments)
    _check_logits_alone(student, t, arguments)
    distill, with_labels = arguments.distill, not isinstance(arguments.distill, bool)
    if with_labels or not distill:
        targets = _targets(trainer, student, t, smoothing)
    else:
        targets = _true_targets(trainer, student, smoothing)
    taught = None
    if distill is False:
        _check_alone(student, arguments)
        value = targets.loss(student, forward)
    else:
        name = "kd" if arguments.loss is None else arguments.loss
        loss = configure_loss(name, arguments.options)
        hints = hints_of(arguments.hint)
        given = distill if with_labels else t
        teacher, taught = teacher_logits(student, given, trainer.memory)
        check_teacher(trainer.guard, student, given, taught, trainer.images)
        forward = trainer.with_features(student, forward, student_blobs(student, hints))
        distillation = Distillation(loss, with_labels, trainer.epoch, trainer.memory.fraction)
        value = _distillation_loss(student, forward, targets, teacher, distillation)
        if hints:
            value = value + hint_loss(student, forward.output, given, hints, trainer.memory)
    return _finished(trainer, student, forward, targets, Objective(value, taught))


def _from_features(
    trainer: Trainer, student: Learner, forward: Forward, t: Any, arguments: BackpropArguments
) -> Outcome:
    """Learn from a teacher's features, and from labels where they are given."""
    given, memory = arguments.distill, trainer.memory
    loss = configure_feature_loss(
        student, arguments.loss, arguments.hint, arguments.layer, arguments.options
    )
    weights = loss_weights((1.0, 1.0), loss.weights, t is not None, trainer.epoch)
    forward = trainer.with_features(student, forward, [loss.blob])
    blob = forward.output.features[loss.blob]
    value, taught = feature_loss(student, blob, given, loss, memory)
    check_teacher(trainer.guard, student, given, taught, trainer.images)
    value = value * weights[0]
    if t is None:
        targets = known_targets(student, trainer.memory)
        made = Objective(value, unchanged=student.last_layers)
        return _finished(trainer, student, forward, targets, made)
    targets = _targets(trainer, student, t, arguments.label_smoothing)
    if weights[1]:
        value = value + targets.loss(student, forward) * weights[1]
    return _finished(trainer, student, forward, targets, Objective(value))


def _finished(
    trainer: Trainer, student: Learner, forward: Forward, targets: Targets, made: Objective
) -> Outcome:
    """Update the weights in training; the outcome of the batch."""
    predicted = student.engine.numpy(forward.output.content).argmax(1)
    if made.taught is not None:
        trainer.agreement = float((predicted == made.taught.argmax(1)).mean())
    number = conclude(trainer, student, made.value + forward.penalty, made.unchanged)
    return Outcome(number, targets.accuracy(predicted))


def _targets(trainer: Trainer, student: Learner, t: Any, smoothing: float) -> Targets:
    """The targets in workout's t; in validation without smoothing.

    Where they are not finite, zeros take part with the other processes until all of them fail.
    """
    finite = check_labels(trainer.guard, student, t)
    given = t if finite else np.zeros(trainer.images.rows, np.int64)
    targets = targets_of(student, given, trainer.memory)
    return replace(targets, label_smoothing=smoothing) if trainer.training else targets


def _true_targets(trainer: Trainer, student: Learner, smoothing: float) -> Targets:
    """The targets in the labels that come with the images, if any."""
    labels = trainer.images.labels
    if isinstance(labels, LabelTensor) and not labels.known:
        return Targets(None)
    return _targets(trainer, student, labels, smoothing)


def _distillation_loss(
    student: Learner, forward: Forward, targets: Targets, teacher: Any, distillation: Distillation
) -> Any:
    """The weighted sum of the loss on the teacher's logits and the loss on the labels."""
    loss = distillation.loss
    if loss.needs_labels and targets.labels is None:
        raise TrainingError(
            f"{student.name}.backprop: loss {loss.name!r} needs the true class of each image, and"
            " these images have no labels; take another loss, or images with labels"
        )
    if loss.needs_labels and targets.probabilities is not None:
        raise TrainingError(
            f"{student.name}.backprop: loss {loss.name!r} needs one true class an image, and this"
            " batch mixes images; take another loss, or InputBatch without mix="
        )
    weight, label_weight = loss_weights(
        loss.published, loss.weights, distillation.with_labels, distillation.epoch
    )
    engine, logits = student.engine, forward.output.content
    pair = LogitPair(engine, logits, teacher, targets.labels)
    value = loss(pair, distillation.fraction) * weight
    if label_weight:
        value = value + targets.loss(student, forward) * label_weight
    return value


def _is_labelled(t: Any, arguments: BackpropArguments) -> bool:
    """Whether the loss has a part on labels; of neither labels nor a teacher, others tell."""
    if arguments.distill is True:
        return not {"alpha", "label_weight"}.isdisjoint(arguments.options)
    return t is not None or arguments.distill is False


def _check_logits_alone(student: Learner, t: Any, arguments: BackpropArguments) -> None:
    """Refuse what only features go without, or with."""
    if t is None:
        raise TrainingError(
            f"{student.name}.backprop: there are neither labels nor features; pass workout's t,"
            " or distill=teacher.feature(x)"
        )
    if arguments.layer is not None:
        raise TrainingError(
            f"{student.name}.backprop: layer= names the student's layer that learns features, and"
            " none were given; pass distill=teacher.feature(x), or hint= beside logits"
        )


def _check_alone(student: Learner, arguments: BackpropArguments) -> None:
    """Refuse the arguments of distillation where only labels are given."""
    given = [
        *(["loss"] if arguments.loss is not None else []),
        *(["hint"] if arguments.hint is not None else []),
        *arguments.options,
    ]
    if given:
        raise TrainingError(
            f"{student.name}.backprop: {given[0]}= is about a teacher's logits, and there are none;"
            " pass distill=logits with logits = teacher.batch_feature(x)"
        )
