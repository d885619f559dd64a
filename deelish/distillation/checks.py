"""Checks a teacher's logits before a loss takes them, and orders them by the student's classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from deelish.common.printing import say
from deelish.distillation.class_matching import check_top, class_order, matched_line
from deelish.distillation.label_order import label_order
from deelish.distillation.memory import TeachingMemory
from deelish.distillation.swap_warnings import warn_if_small, warn_if_swapped
from deelish.errors import TrainingError
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.learner import Learner
from deelish.network.outputs import FeatureTensor, LogitsTensor, OutputTensor
from deelish.network.predictor import Predictor
from deelish.network.tensors import LabelTensor, Tensor


def teacher_logits(student: Learner, given: Any, memory: TeachingMemory) -> tuple[Any, np.ndarray]:
    """A teacher's logits (n, classes): the engine's tensor without gradients, and an array.

    Where both name their classes, the logits are matched to the student's classes by name.

    Args:
        student: the network in training.
        given: the result of `batch_feature`, a tensor of the engine, or a NumPy array of logits.
        memory: what the training remembers of the teacher.

    Raises:
        TrainingError: labels, logits of other images, the student's own logits, another number
            of classes, names that cannot be matched, a teacher that was never trained,
            probabilities, or logits that are not finite.
    """
    if isinstance(given, bool | int | float | InputTensor | LabelTensor | Predictor | str | None):
        raise _no_logits(student, given)
    owner = None
    if isinstance(given, FeatureTensor):
        owner = given.owner
        _check_source(student, given, memory)
        _check_owner(student, given, memory)
    engine = student.engine
    content, values = _both(student, given)
    order = None if owner is None else _order(student, owner, memory)
    _check_shape(student, values.shape, memory, None if order is None else owner)
    _check_logits(student, owner, values, memory)
    if order is not None:
        values = values[:, order]
        content = engine.array(values)
    # A teacher in training may be untrained yet: its accuracy says nothing of a swap.
    if owner is not None and not (owner.learning or _draws_dropout(given)):
        warn_if_swapped(student, owner, values, memory)
    return engine.detach(content), values


def teacher_array(
    student: Learner, given: Any, shape: tuple[int, ...], memory: TeachingMemory
) -> tuple[Any, np.ndarray]:
    """A teacher's output (n, ...): the engine's tensor without gradients, and an array.

    Args:
        student: the network in training.
        given: the result of `batch_feature`, a tensor of the engine, or a NumPy array.
        shape: that of the student's output.
        memory: what the training remembers of the teacher.

    Raises:
        TrainingError: outputs of other images, the student's own, those of a teacher that was never
            trained, another shape, or no numbers.
    """
    if isinstance(given, bool | int | float | InputTensor | LabelTensor | Predictor | str | None):
        raise TrainingError(
            f"{student.name}.backprop: distill needs a teacher's output, and got"
            f" {_described(given)}; write y = teacher.batch_feature(x) and backprop(x, distill=y,"
            " loss=...)"
        )
    owner = given.owner if isinstance(given, FeatureTensor) else None
    if isinstance(given, FeatureTensor):
        _check_source(student, given, memory)
        _check_owner(student, given, memory)
    content, values = _both(student, given)
    if values.shape != shape:
        raise TrainingError(
            f"{student.name}.backprop: the output of {_name(owner)} is {values.shape}, the"
            f" student's {shape}; give them networks of one output shape"
        )
    if owner is not None and not owner.learning:
        warn_if_small(student, owner, memory)
    return student.engine.detach(content), values


def check_features(student: Learner, given: FeatureTensor, memory: TeachingMemory) -> None:
    """Refuse features that cannot teach.

    Raises:
        TrainingError: they are of other images, the student's own, or of a teacher that was never
            loaded nor trained.
    """
    _check_source(student, given, memory)
    _check_origin(student, given)


def _both(student: Learner, given: Any) -> tuple[Any, np.ndarray]:
    """The logits as the student's engine's tensor and as an array, fetched from the device once.

    Raises:
        TrainingError: they are no numbers.
    """
    engine = student.engine
    if isinstance(given, Tensor):
        values = given.value
        return given.content if given.engine is engine else engine.array(values), values
    if engine.is_own(given):
        return given, engine.numpy(given)
    try:
        values = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError):
        raise _no_logits(student, given) from None
    return engine.array(values), values


def _no_logits(student: Learner, given: Any) -> TrainingError:
    return TrainingError(
        f"{student.name}.backprop: distill needs a teacher's logits, and got {_described(given)};"
        " write logits = teacher.batch_feature(x) and backprop(t, distill=logits)"
    )


def _described(given: Any) -> str:
    if isinstance(given, bool | int | float | str | None):
        return repr(given)
    if isinstance(given, InputTensor):
        return "images" if isinstance(given, ImageTensor) else "sequences"
    if isinstance(given, LabelTensor):
        return "labels"
    return (
        f"the teacher {given.name} itself" if isinstance(given, Predictor) else type(given).__name__
    )


def _draws_dropout(given: Any) -> bool:
    return isinstance(given, OutputTensor) and given.training


def _order(student: Learner, teacher: Predictor, memory: TeachingMemory) -> np.ndarray | None:
    """The index of each student class among the teacher's logits; printed once in a training."""
    if (student, teacher) not in memory.orders:
        order = class_order(student, teacher)
        if order is not None:
            check_top(student, teacher, memory.images)
            say(matched_line(student, teacher, order.tolist()))
        elif not student.labels and teacher.classes == student.classes:
            order = _order_of_labels(student, teacher, memory)
        memory.orders[student, teacher] = order
    return memory.orders[student, teacher]


def _order_of_labels(
    student: Learner, teacher: Predictor, memory: TeachingMemory
) -> np.ndarray | None:
    """The order for a student without names, whose classes are the numbers of class folders."""
    order = label_order(teacher, memory)
    if order is not None and (len(order) < student.classes or order.min() < 0):
        raise TrainingError(
            f"{student.name}.backprop: its classes are the numbers of class folders, which"
            f" {teacher.name} has in another order; give the student names as labels="
        )
    return order


def _name(owner: Predictor | None) -> str:
    return owner.name if owner is not None else "the teacher"


def _check_source(student: Learner, given: FeatureTensor, memory: TeachingMemory) -> None:
    if given.source is None or given.source.origin is not memory.images:
        raise TrainingError(
            f"{student.name}.backprop: the {_noun(given)} of {_name(given.owner)} belong to other"
            " images than this batch; ask the teacher inside workout, with the x that workout was"
            " given"
        )


def _noun(given: FeatureTensor) -> str:
    if isinstance(given, OutputTensor):
        return "logits" if isinstance(given, LogitsTensor) else "output"
    return "features"


def _check_origin(student: Learner, given: FeatureTensor) -> None:
    teacher, noun = given.owner, _noun(given)
    if teacher is None:
        return
    if teacher.origin is student:
        verb = "feature" if noun == "features" else "batch_feature"
        raise TrainingError(
            f"{student.name}.backprop: the student's own {noun} were given as the teacher's; pass"
            f" those of the other network, {noun} = teacher.{verb}(x)"
        )
    if teacher.trainable_ids() & student.trainable_ids():
        raise TrainingError(
            f"{student.name}.backprop: the teacher {teacher.name} shares trainable weights with"
            " its student, and would change with it; make it from a copy, copy.deepcopy(module)"
        )
    if teacher.all_new and not _draws_dropout(given):
        raise TrainingError(
            f"{student.name}.backprop: the teacher {teacher.name} was never loaded nor trained;"
            " give it modelpath=, or train it first"
        )


def _check_owner(student: Learner, given: FeatureTensor, memory: TeachingMemory) -> None:
    _check_origin(student, given)
    teacher = given.owner
    if teacher is None:
        return
    if _draws_dropout(given):
        memory.taught_by.add(teacher)
        return
    if teacher.new_layers:
        new = ", ".join(sorted(teacher.new_layers))
        raise TrainingError(
            f"{student.name}.backprop: {new} of the teacher {teacher.name} is new and was never"
            " trained; train it on labels first, or load it with its own labels"
        )


def _check_shape(
    student: Learner, shape: tuple[int, ...], memory: TeachingMemory, matched: Predictor | None
) -> None:
    """The shape is that of the student's logits, or of a teacher whose classes were matched."""
    classes = student.classes if matched is None else matched.classes
    expected = (memory.images.rows, classes)
    if shape != expected:
        raise TrainingError(
            f"{student.name}.backprop: the teacher's logits are {shape}, the student's {expected};"
            " give teacher and student the same labels="
        )


def _check_logits(
    student: Learner, owner: Predictor | None, values: np.ndarray, memory: TeachingMemory
) -> None:
    """Refuse probabilities: no entry is below 0, and each row sums to 1."""
    if owner in memory.logits_seen or not np.isfinite(values).all():
        return
    if values.min() >= 0 and np.allclose(values.sum(1), 1, atol=1e-3):
        raise TrainingError(
            f"{student.name}.backprop: the output of {_name(owner)} is probabilities, since its"
            " rows sum to 1, where logits are needed; pass what comes before the softmax, as"
            " batch_feature(x) does"
        )
    memory.logits_seen.add(owner)
