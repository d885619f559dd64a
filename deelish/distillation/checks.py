"""A teacher's answer, checked before a student learns from it, in the order of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.common.printing import say
from deelish.distillation.class_matching import class_order, matched_line
from deelish.distillation.suspicion import suspect
from deelish.errors import TrainingError
from deelish.network.tensors import LabelTensor, ScoreTensor, Tensor

if TYPE_CHECKING:
    from deelish.distillation.contract import CanTeach
    from deelish.engines import Engine
    from deelish.network.network import Network
    from deelish.training.run import Run


def teacher_logits(student: Network, answer: Any, run: Run) -> tuple[Any, np.ndarray]:
    """A teacher's logits (n, classes): the engine's tensor without gradients, and an array.

    Where both have names of their classes, the student's are found among the teacher's by name.

    Args:
        answer: what `batch_feature` gave, a tensor of the engine, or a NumPy array of logits.

    Raises:
        TrainingError: labels, an answer to other images, the student's own answer, another number
            of classes, names that cannot be matched, a teacher that was never trained, or
            probabilities.
    """
    if isinstance(answer, bool | LabelTensor):
        raise TrainingError(
            f"{student.name}.backprop: distill wants a teacher's answer, and got"
            f" {'labels' if isinstance(answer, LabelTensor) else answer}; write"
            " t = teacher.batch_feature(x) and backprop(t, distill=True)"
        )
    owner = None
    if isinstance(answer, Tensor):
        owner = answer.owner
        _check_source(student, answer, run)
        _check_owner(student, answer, run)
    engine = student.session.engine
    content, values = _both(engine, answer)
    order = None if owner is None else _order(student, owner, run)
    _check_shape(student, values.shape, run, None if order is None else owner)
    _check_logits(student, owner, values, run)
    if order is not None:
        values = values[:, order]
        content = engine.array(values)
    # Who learns in this workout too may know nothing yet.
    if owner is not None and not (owner.learning or getattr(answer, "trained_mode", False)):
        suspect(student, owner, values, run)
    return engine.detach(content), values


def _both(engine: Engine, answer: Any) -> tuple[Any, np.ndarray]:
    """The answer as this engine's tensor, and as an array: fetched from the device once."""
    if isinstance(answer, Tensor):
        values = answer.value
        return answer.content if answer.session.engine is engine else engine.array(values), values
    if engine.is_own(answer):
        return answer, engine.numpy(answer)
    values = np.asarray(answer, dtype=np.float32)
    return engine.array(values), values


def _order(student: Network, teacher: CanTeach, run: Run) -> np.ndarray | None:
    """The places of the student's classes in the teacher's answer; said once a run."""
    if (student, teacher) not in run.orders:
        order = class_order(student, teacher)
        if order is not None:
            say(matched_line(student, teacher, order.tolist()))
        run.orders[student, teacher] = order
    return run.orders[student, teacher]


def _name(owner: CanTeach | None) -> str:
    return owner.name if owner is not None else "the teacher"


def _check_source(student: Network, answer: Tensor, run: Run) -> None:
    if answer.source is not run.images:
        raise TrainingError(
            f"{student.name}.backprop: the answer of {_name(answer.owner)} belongs to other images"
            " than this batch; ask the teacher inside workout, with the x that workout was given"
        )


def _check_owner(student: Network, answer: Tensor, run: Run) -> None:
    teacher = answer.owner
    if teacher is None:
        return
    if getattr(teacher, "network", teacher) is student:
        raise TrainingError(
            f"{student.name}.backprop: the student's own answer was given as the teacher's; pass"
            " that of the other network, t = teacher.batch_feature(x)"
        )
    if isinstance(answer, ScoreTensor) and answer.trained_mode:
        run.taught_by.add(teacher)
        return
    new = teacher.new_layers
    plan = getattr(getattr(teacher, "network", teacher), "plan", None)
    if plan is not None and new >= plan.test_layers:
        raise TrainingError(
            f"{student.name}.backprop: the teacher {teacher.name} was never loaded nor trained;"
            " give it modelpath=, or train it first"
        )
    if new:
        raise TrainingError(
            f"{student.name}.backprop: {', '.join(sorted(new))} of the teacher {teacher.name} is"
            " new and was never trained; train it on labels first, or load it with its own labels"
        )


def _check_shape(
    student: Network, shape: tuple[int, ...], run: Run, matched: CanTeach | None
) -> None:
    """As many classes as the student has, or as the teacher whose classes were matched by name."""
    classes = student.plan.classes if matched is None else matched.classes
    wanted = (len(run.images), classes)
    if shape != wanted:
        raise TrainingError(
            f"{student.name}.backprop: the teacher's answer is {shape}, the student's {wanted};"
            " give teacher and student the same labels="
        )


def _check_logits(student: Network, owner: CanTeach | None, values: np.ndarray, run: Run) -> None:
    """Probabilities are found by what they are: no entry below 0, and rows that sum to 1."""
    if owner in run.logits_seen:
        return
    if values.min() >= 0 and np.allclose(values.sum(1), 1, atol=1e-3):
        raise TrainingError(
            f"{student.name}.backprop: the answer of {_name(owner)} is probabilities, since its"
            " rows sum to 1, where logits are wanted; pass what stands before the softmax, as"
            " batch_feature(x) does"
        )
    run.logits_seen.add(owner)
