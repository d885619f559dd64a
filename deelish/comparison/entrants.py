"""What is compared: anything that can teach, as float32 and as int8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deelish.comparison.int8 import Int8
from deelish.errors import DeelishError
from deelish.network.model import Model
from deelish.network.predictor import Predictor
from deelish.network.tensors import ImageTensor

Logits = Callable[[ImageTensor], np.ndarray]
Order = np.ndarray | None


@dataclass(frozen=True)
class Entrant:
    """One column of the report.

    key: what the report calls it.  logits: from images to float32 (n, classes), in the order of the
    first student's classes, or None where it could not be made; `missing` says why.  file: bytes,
    None where it has no file of its own.
    """

    key: str
    network: Predictor
    logits: Logits | None
    kind: str = "float32"
    file: int | None = None
    missing: str | None = None


def as_float(key: str, network: Predictor, file: int | None, order: Order) -> Entrant:
    """A network as it is."""
    return Entrant(key, network, _ordered(lambda x: _exact(network, x), order), file=file)


def as_int8(
    key: str, network: Predictor, training: Sequence[ImageTensor] | None, order: Order
) -> Entrant:
    """A student in int8, calibrated on training images; or the reason why it is missing."""
    reason = "int8 needs training images to calibrate on; give train="
    if not isinstance(network, Model):
        reason = "only a network of deelish is written as int8"
    elif training is not None:
        try:
            made = Int8(network, training)
            return Entrant(key, network, _ordered(made.logits, order), "int8", made.file)
        except DeelishError as error:
            reason = str(error)
    return Entrant(key, network, None, "int8", missing=reason)


def _exact(network: Predictor, images: ImageTensor) -> np.ndarray:
    """Logits in float32, whatever the session trains and teaches in."""
    if isinstance(network, Model):
        return network.forward(images, reduced=False).logits.value
    return network.engine.numpy(network.logits(images))


def _ordered(logits: Logits, order: Order) -> Logits:
    """The logits in the order of the first student's classes."""
    return logits if order is None else lambda images: logits(images)[:, order]
