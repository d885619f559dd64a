"""The variants that a report compares: any predictor as it is, a student in int8 too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    of its own.
    """

    key: str
    network: Predictor
    logits: Logits | None
    kind: str
    file: int | None = None
    missing: str | None = None


def float_variant(key: str, network: Predictor, file: int | None, order: ClassOrder) -> Variant:
    """A network in float32, or in the precision that the session names."""
    logits = _ordered(lambda images: _exact(network, images), order)
    return Variant(key, network, logits, network.exact_dtype, file)


def int8_variant(
    key: str, network: Predictor, training: Sequence[ImageTensor] | None, order: ClassOrder
) -> Variant:
    """A student in int8, calibrated on training images, or the reason why it is missing."""
    reason = "int8 needs training images to calibrate on; give train="
    if not isinstance(network, Learner):
        reason = "only a network or a student is written as int8"
    elif network.sequences is not None:
        reason = "int8 is of networks that see images"
    elif training is not None:
        try:
            made = Int8(network, training)
            return Variant(key, network, _ordered(made.logits, order), INT8, len(made.model))
        except DeelishError as error:
            reason = str(error)
    return Variant(key, network, None, INT8, missing=reason)


def _exact(network: Predictor, images: InputTensor) -> np.ndarray:
    return network.engine.numpy(network.exact_logits(images))


def _ordered(logits: Logits, order: ClassOrder) -> Logits:
    """The logits in the order of the first student's classes."""
    return logits if order is None else lambda images: logits(images)[:, order]
