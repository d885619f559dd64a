"""A teacher's answer, checked before a student learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.errors import TrainingError
from deelish.tensor import LabelTensor, ScoreTensor, Tensor

if TYPE_CHECKING:
    from deelish.network import Network
    from deelish.training.run import Run


def teacher_logits(student: Network, answer: Any, run: Run) -> Any:
    """The engine's tensor (n, classes) of a teacher's answer, without gradients.

    `answer` is what `batch_feature` gave, a tensor of the engine, or a NumPy array of logits.

    Raises:
        TrainingError: labels, an answer to other images, the student's own answer, another number
            of classes, a teacher that was never trained, or probabilities.
    """
    if isinstance(answer, bool | LabelTensor):
        raise TrainingError(
            f"{student.name}.backprop: distill wants a teacher's answer, and got"
            f" {'labels' if isinstance(answer, LabelTensor) else answer}; write"
            " t = teacher.batch_feature(x) and backprop(t, distill=True)"
        )
    if isinstance(answer, Tensor):
        _check_source(student, answer, run)
        _check_owner(student, answer, run)
        content = answer.content
        if answer.session.engine is not student.session.engine:
            content = student.session.engine.array(answer.value)
    else:
        engine = student.session.engine
        own = engine.is_own(answer)
        content = answer if own else engine.array(np.asarray(answer, dtype=np.float32))
    _check_shape(student, tuple(content.shape), run)
    _check_logits(student, answer, content, run)
    return student.session.engine.detach(content)


def _name(answer: Any) -> str:
    owner = getattr(answer, "owner", None)
    return owner.name if owner is not None else "the teacher"


def _check_source(student: Network, answer: Tensor, run: Run) -> None:
    if answer.source is not run.images:
        raise TrainingError(
            f"{student.name}.backprop: the answer of {_name(answer)} belongs to other images than"
            " this batch; ask the teacher inside workout, with the x that workout was given"
        )


def _check_owner(student: Network, answer: Tensor, run: Run) -> None:
    teacher = answer.owner
    if teacher is None:
        return
    if teacher is student:
        raise TrainingError(
            f"{student.name}.backprop: the student's own answer was given as the teacher's; pass"
            " that of the other network, t = teacher.batch_feature(x)"
        )
    if isinstance(answer, ScoreTensor) and answer.trained_mode:
        run.taught_by.add(teacher)
        return
    new = teacher.untrained.intersection(teacher.plan.test_layers)
    if new >= teacher.plan.test_layers:
        raise TrainingError(
            f"{student.name}.backprop: the teacher {teacher.name} was never loaded nor trained;"
            " give it modelpath=, or train it first"
        )
    if new:
        raise TrainingError(
            f"{student.name}.backprop: {', '.join(sorted(new))} of the teacher {teacher.name} is"
            " new and was never trained; train it on labels first, or load it with its own labels"
        )


def _check_shape(student: Network, shape: tuple[int, ...], run: Run) -> None:
    wanted = (len(run.images), student.plan.classes)
    if shape != wanted:
        raise TrainingError(
            f"{student.name}.backprop: the teacher's answer is {shape}, the student's {wanted};"
            " give teacher and student the same labels="
        )


def _check_logits(student: Network, answer: Any, content: Any, run: Run) -> None:
    """Probabilities are found by what they are: no entry below 0, and rows that sum to 1."""
    owner = getattr(answer, "owner", None)
    if owner in run.logits_seen:
        return
    values = student.session.engine.numpy(content)
    if values.min() >= 0 and np.allclose(values.sum(1), 1, atol=1e-3):
        raise TrainingError(
            f"{student.name}.backprop: the answer of {_name(answer)} is probabilities, since its"
            " rows sum to 1, where logits are wanted; pass what stands before the softmax, as"
            " batch_feature(x) does"
        )
    run.logits_seen.add(owner)
