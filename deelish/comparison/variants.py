"""The variants that a report compares: any predictor in float32, a student in int8 too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deelish.comparison.int8 import Int8
from deelish.errors import DeelishError
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor
from deelish.network.tensors import ImageTensor

Logits = Callable[[ImageTensor], np.ndarray]
ClassOrder = np.ndarray | None


@dataclass(frozen=True)
class Variant:
    """One column of the report.

    key: its name in the report.  logits: from images to float32 (n, classes), in the order of the
    first student's classes; None where it could not be made, and `missing` gives the reason.
    file: bytes, None where it has no file of its own.
    """

    key: str
    network: Predictor
    logits: Logits | None
    kind: str = "float32"
    file: int | None = None
    missing: str | None = None


def float_variant(key: str, network: Predictor, file: int | None, order: ClassOrder) -> Variant:
    """A network in float32."""
    return Variant(key, network, _ordered(lambda x: _exact(network, x), order), file=file)


def int8_variant(
    key: str, network: Predictor, training: Sequence[ImageTensor] | None, order: ClassOrder
) -> Variant:
    """A student in int8, calibrated on training images, or the reason why it is missing."""
    reason = "int8 needs training images to calibrate on; give train="
    if not isinstance(network, Learner):
        reason = "only a network or a student is written as int8"
    elif training is not None:
        try:
            made = Int8(network, training)
            return Variant(key, network, _ordered(made.logits, order), "int8", made.file)
        except DeelishError as error:
            reason = str(error)
    return Variant(key, network, None, "int8", missing=reason)


def _exact(network: Predictor, images: ImageTensor) -> np.ndarray:
    """Logits in float32, whatever the precision of the session."""
    if isinstance(network, Learner):
        return network.forward(images, reduced=False).logits.value
    return network.engine.numpy(network.logits(images))


def _ordered(logits: Logits, order: ClassOrder) -> Logits:
    """The logits in the order of the first student's classes."""
    return logits if order is None else lambda images: logits(images)[:, order]
