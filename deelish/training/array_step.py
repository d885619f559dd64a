"""One training step on arrays: targets are images or other numbers, and not classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deelish.distillation.array_losses import (
    ARRAY_LOSSES,
    ArrayPair,
    ConfiguredArrayLoss,
    configure_array_loss,
)
from deelish.distillation.checks import teacher_array
from deelish.distillation.hints import hint_loss, hints_of, student_blobs
from deelish.distillation.losses import LOSSES
from deelish.errors import DataError, TrainingError
from deelish.network.forward import Forward
from deelish.network.inputs import ImageTensor
from deelish.network.learner import Learner
from deelish.network.tensors import LabelTensor, Tensor
from deelish.training.backprop_arguments import BackpropArguments, Outcome
from deelish.training.conclusion import conclude
from deelish.training.finite import check_labels, check_teacher
from deelish.training.trainer import Trainer


def learns_arrays(student: Learner, t: Any, arguments: BackpropArguments) -> bool:
    """Whether a step is about arrays: by the student's output, the targets or the loss."""
    if not student.has_classes or isinstance(t, ImageTensor):
        return True
    loss = arguments.loss
    if not isinstance(loss, str) or loss not in ARRAY_LOSSES:
        return False
    # "mse" is a loss on logits too, where a teacher gives them.
    return arguments.distill is False or loss not in LOSSES


def learn_arrays(
    trainer: Trainer, student: Learner, forward: Forward, t: Any, arguments: BackpropArguments
) -> Outcome:
    """Learn from targets (n, ...), from a teacher's output, or from both.

    Raises:
        TrainingError: no loss on arrays, a target or a teacher's output of another shape, or
            arguments that are about classes.
        DataError: numbers outside of 0 to 1, where the loss needs probabilities.
    """
    _check_arguments(student, t, arguments)
    loss = configure_array_loss(student.name, arguments.loss, arguments.options)
    output = forward.output.content
    _check_range(student, loss, output, "its output", "end it with a Sigmoid layer")
    distill, from_targets = arguments.distill, not isinstance(arguments.distill, bool)
    parts: dict[str, Any] = {}
    if from_targets or not distill:
        parts["target"] = _target(trainer, student, forward, t, loss)
    if distill is not False:
        given = distill if from_targets else t
        parts["teacher"] = _taught(trainer, student, forward, given, loss)
    shares = (0.0, 1.0) if distill is False else loss.shares(from_targets, trainer.epoch)
    value: Any = 0
    for name, weight in zip(("teacher", "target"), shares, strict=True):
        if name in parts and weight:
            value = value + loss(ArrayPair(student.engine, output, parts[name])) * weight
    value = value + _hinted(trainer, student, forward, distill if from_targets else t, arguments)
    # Penalties are those of the mean image, and so is the loss but for this factor.
    value = value + forward.penalty / loss.factor(output.shape)
    return Outcome(conclude(trainer, student, value), math.nan)


def _check_arguments(student: Learner, t: Any, arguments: BackpropArguments) -> None:
    """Refuse what is about classes, and a hint without a teacher."""
    name = f"{student.name}.backprop"
    if isinstance(t, LabelTensor) and not student.has_classes:
        raise TrainingError(
            f"{name}: t holds labels, and its output has no classes; pass the images that it is to"
            " make, backprop(x, loss='binary_cross_entropy')"
        )
    if t is None:
        raise TrainingError(f"{name}: there is no target; pass images or an array as its first")
    for word in ("layer", "label_smoothing"):
        if getattr(arguments, word):
            raise TrainingError(f"{name}: {word}= is about classes and features; leave it out")
    if arguments.hint is not None and arguments.distill is False:
        raise TrainingError(
            f"{name}: hint= is about a teacher, and there is none; pass distill=y with"
            " y = teacher.batch_feature(x)"
        )


def _target(
    trainer: Trainer, student: Learner, forward: Forward, t: Any, loss: ConfiguredArrayLoss
) -> Any:
    """The targets as a tensor of the engine, without gradients."""
    engine, shape = student.engine, tuple(forward.output.content.shape)
    if isinstance(t, ImageTensor):
        content = _pixels(trainer, student, forward, t)
    elif isinstance(t, Tensor):
        raise TrainingError(
            f"{student.name}.backprop: t is {t!r}, where images or an array are needed; pass"
            " distill=True to learn from it"
        )
    else:
        content = _array(trainer, student, t, shape)
    if tuple(content.shape) != shape:
        raise TrainingError(
            f"{student.name}.backprop: the target is {tuple(content.shape)}, its output {shape};"
            " give x itself for the images, or an array of that shape, or end the network with a"
            f" layer that makes {' x '.join(map(str, content.shape[1:]))}"
        )
    cure = "give numbers from 0 to 1"
    if isinstance(t, ImageTensor):
        cure = "make the network with mean=0 and scale=1 / 255, so that pixels go from 0 to 1"
    _check_range(student, loss, content, "the target", cure)
    return engine.detach(content)


def _pixels(trainer: Trainer, student: Learner, forward: Forward, t: ImageTensor) -> Any:
    """The images as the student's preprocessing shows them."""
    if t.origin is not trainer.images:
        raise TrainingError(
            f"{student.name}.backprop: the target is images of another batch; pass workout's x"
        )
    if t is forward.output.source:
        return forward.data
    rule = student.preprocessing
    return student.engine.input_of(t.pixels(rule), rule)


def _array(trainer: Trainer, student: Learner, t: Any, shape: tuple[int, ...]) -> Any:
    engine = student.engine
    values = engine.numpy(t) if engine.is_own(t) else np.asarray(t)
    if values.dtype.kind not in "fiub":
        raise TrainingError(
            f"{student.name}.backprop: the target is {type(t).__name__}, where images or an array"
            f" {shape} are needed"
        )
    values = values.astype(np.float32)
    if not check_labels(trainer.guard, student, values):
        values = np.zeros(values.shape, np.float32)
    return engine.array(values)


def _taught(
    trainer: Trainer, student: Learner, forward: Forward, given: Any, loss: ConfiguredArrayLoss
) -> Any:
    """The teacher's output as a tensor of the engine."""
    shape = tuple(forward.output.content.shape)
    content, values = teacher_array(student, given, shape, trainer.memory)
    check_teacher(trainer.guard, student, given, values, trainer.images)
    _check_range(student, loss, content, "the teacher's output", "take loss='mse'")
    return content


def _hinted(
    trainer: Trainer, student: Learner, forward: Forward, given: Any, arguments: BackpropArguments
) -> Any:
    hints = hints_of(arguments.hint)
    if not hints:
        return 0
    forward = trainer.with_features(student, forward, student_blobs(student, hints))
    return hint_loss(student, forward.output, given, hints, trainer.memory)


def _check_range(
    student: Learner, loss: ConfiguredArrayLoss, values: Any, what: str, cure: str
) -> None:
    """Refuse what is no probability, where the loss needs them; others look for NaN.

    Raises:
        DataError: it names the range.
    """
    if not loss.row.of_probabilities:
        return
    numbers = student.engine.numpy(values)
    low, high = float(numbers.min()), float(numbers.max())
    if low < 0 or high > 1:
        raise DataError(
            f"{student.name}.backprop: loss {loss.name!r} needs numbers from 0 to 1, and {what}"
            f" goes from {low:.4g} to {high:.4g}; {cure}"
        )
