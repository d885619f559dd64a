"""What one training was asked for: how weights are updated, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deelish.training.int8 import Int8Rule
from deelish.training.lookahead import Lookahead


@dataclass(frozen=True)
class Optimization:
    """How weights are updated: the engine's optimiser by name, its options, the learning rate."""

    optimizer: str
    lr: float
    # The fraction of the training that is over, 0 to 1 -> factor on the learning rate.
    schedule: Callable[[float], float]
    options: Mapping[str, Any] = field(default_factory=dict)
    # The factors on the learning rates of layers, by name or pattern.
    lr_mult: Mapping[str, float] = field(default_factory=dict)
    lookahead: Lookahead | None = None
    # Whether BatchNorm normalises by the images of all processes.
    sync_batch_norm: bool = False
    # How students learn in int8; None where they learn in float32 alone.
    int8: Int8Rule | None = None


@dataclass(frozen=True)
class Extent:
    """How long a training is: so many epochs of so many batches."""

    epochs: int
    batches: int

    @property
    def updates(self) -> int:
        """How many batches for training there are in all."""
        return self.epochs * self.batches
