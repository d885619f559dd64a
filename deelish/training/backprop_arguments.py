"""What a training step takes and gives: the arguments of `backprop`, and the batch's outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """The outcome of a batch: its loss, and the fraction of its images predicted right.

    The accuracy is NaN where the images have no labels within the network's classes, and where the
    network has none.
    """

    loss: float
    accuracy: float


@dataclass(frozen=True)
class BackpropArguments:
    """The arguments of `backprop`, under its names."""

    distill: Any
    loss: Any
    hint: Any
    layer: Any
    options: Mapping[str, Any]
    label_smoothing: Any = 0.0
