"""The variants that a report compares: any predictor as it is, a student in int8 too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deelish.comparison.int8 import Int8
from deelish.errors import DeelishError
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor

Logits = Callable[[Any], np.ndarray]
ClassOrder = np.ndarray | None
INT8 = "int8"


@dataclass(frozen=True)
class Variant:
    """One column of the report.

    key: its name in the report.  logits: from images to float32 (n, classes), in the order of the
    first student's classes; None where it could not be made, and `missing` gives the reason.
    kind: INT8, or the type that the network computes in.  file: bytes, None where it has no file
    of its own.  by_onnx: the same by onnxruntime, for its time beside that of int8, which has no
    other; None where there is no int8.
    """

    key: str
    network: Predictor
    logits: Logits | None
    kind: str
    file: int | None = None
    by_onnx: Logits | None = None
    missing: str | None = None


def float_variant(key: str, network: Predictor, file: int | None, order: ClassOrder) -> Variant:
    """A network in float32, or in the precision that the session names."""
    logits = _ordered(lambda images: _exact(network, images), order)
    return Variant(key, network, logits, network.exact_dtype, file)


def student_variants(
    key: str,
    student: Predictor,
    file: int | None,
    training: Sequence[ImageTensor] | None,
    order: ClassOrder,
) -> list[Variant]:
    """A student as it is, and in int8; a file of a runtime is what a device runs already.

    Args:
        training: batches to calibrate on, or None.
    """
    whole = float_variant(key, student, file, order)
    if student.files:
        return [whole]
    made = _int8(student, training)
    name = f"{key} {INT8}"
    if isinstance(made, str):
        return [whole, Variant(name, student, None, INT8, missing=made)]
    logits = _ordered(made.logits, order)
    return [
        replace(whole, by_onnx=made.float_logits),
        Variant(name, student, logits, INT8, len(made.model), by_onnx=logits),
    ]


def _int8(student: Predictor, training: Sequence[ImageTensor] | None) -> Int8 | str:
    """A student in int8, or the reason why it is missing."""
    if not isinstance(student, Learner):
        return "only a network or a student is written as int8"
    if student.sequences is not None:
        return "int8 is of networks that see images"
    if training is None:
        return "int8 needs training images to calibrate on; give train="
    try:
        return Int8(student, training)
    except DeelishError as error:
        return str(error)


def _exact(network: Predictor, images: InputTensor) -> np.ndarray:
    return network.engine.numpy(network.exact_logits(images))


def _ordered(logits: Logits, order: ClassOrder) -> Logits:
    """The logits in the order of the first student's classes."""
    return logits if order is None else lambda images: logits(images)[:, order]
