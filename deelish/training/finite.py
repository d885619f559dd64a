"""The checks of one training step: its input, labels, teacher, loss, gradients and weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from deelish.engines.base import LayerArray, Part
from deelish.network.forward import Forward
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner
from deelish.network.outputs import FeatureTensor
from deelish.network.predictor import Predictor
from deelish.network.tensors import LabelTensor
from deelish.training.guards import Finding, Guard

# The cures that several findings share; those that end in "at" go on with the images.
LOWER = "train with a lower lr=, or look at"
PIXELS = "look at mean= and scale=, and at"
RELOAD = "load the file of an earlier epoch, and train with a lower lr="


def check_input(guard: Guard, student: Learner, forward: Forward) -> None:
    """Note an input of the student, its pixels after mean and scale, that is not finite."""
    if not student.engine.all_finite([forward.data]):
        rows = _bad_rows(student.engine.numpy(forward.data))
        guard.note(student, Finding("its input is not finite", PIXELS, rows))


def check_labels(guard: Guard, student: Learner, t: Any) -> bool:
    """Whether labels are finite; else they are noted."""
    given = t.probabilities if isinstance(t, LabelTensor) else t
    values = student.engine.numpy(given) if student.engine.is_own(given) else given
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        return True
    if np.isfinite(values).all():
        return True
    guard.note(
        student, Finding("the labels are not finite", "look at t, and at", _bad_rows(values))
    )
    return False


def check_teacher(
    guard: Guard, student: Learner, given: Any, values: np.ndarray, images: InputTensor
) -> None:
    """Note a teacher's logits, or pooled features, (n, ...) that are not finite."""
    if np.isfinite(values).all():
        return
    owner = given.owner if isinstance(given, FeatureTensor) else None
    name = f"the teacher {owner.name}" if owner else "the teacher"
    layer = given.layer if isinstance(given, FeatureTensor) else None
    what = "logits" if layer is None else f"features {layer!r}"
    if owner is not None and not _input_finite(owner, images):
        finding = Finding(f"the input of {name} is not finite", PIXELS, _bad_rows(values))
    else:
        cure = "look at the teacher's weights, at mean= and scale= of its pixels, and at"
        finding = Finding(f"the {what} of {name} are not finite", cure, _bad_rows(values))
    guard.note(student, finding)


def check_loss(guard: Guard, student: Learner, loss: float) -> None:
    """Note a loss that is not finite.

    Raises:
        NotFinite: it is not, since weights of the student were not finite before.
    """
    if math.isfinite(loss) or guard.failed:
        return
    bad = student.engine.not_finite(student.module, "weight")
    if bad:
        state = "it was so before this batch"
        what = f"the loss is {loss}, since {_named(bad[0])} is not finite"
        guard.fail_after(student, Finding(what, RELOAD), state)
    guard.note(student, Finding(f"the loss is {loss}", LOWER))


def check_update(
    guard: Guard, student: Learner, modules: Iterable[Any], found: Part | None
) -> None:
    """Fail where the update found what is not finite.

    Args:
        guard: the guard of the training.
        student: the network that learns.
        modules: its module, and those of projections in its loss.
        found: what the update found.

    Raises:
        NotFinite: it found something.
    """
    if found is None:
        return
    bad = [array for module in modules for array in student.engine.not_finite(module, found)]
    if found == "gradient":
        # A gradient that is not finite makes those of all layers below so: the last is the first.
        what = f"the gradient of {_named(bad[-1])} is not finite" if bad else ""
        guard.fail_together(student, Finding(what, LOWER) if bad else None)
    finding = Finding(f"{_named(bad[0])} is not finite after the update", RELOAD)
    guard.fail_after(student, finding, "the weights are those after it")


def _named(array: LayerArray) -> str:
    return f"layer {array.layer!r} {array.name}" if array.layer else array.name


def _bad_rows(values: np.ndarray) -> list[int]:
    """The rows (n, ...) that hold NaN or infinity."""
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(1)
    rows: list[int] = np.flatnonzero(bad).tolist()
    return rows


def _input_finite(teacher: Predictor, images: InputTensor) -> bool:
    if teacher.members:
        return all(_input_finite(member, images) for member in teacher.members)
    # Those of sequences were looked at when they were read.
    if teacher.sequences is not None:
        return True
    rule, engine = teacher.preprocessing, teacher.engine
    return engine.all_finite([engine.input_of(images.pixels(rule), rule)])
