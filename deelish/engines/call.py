"""What every layer's function is given beside its bottoms, weights and arguments, on any engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Args = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """How a layer is run.

    Attributes:
        generator: where dropout draws from, in training; None otherwise.
        tops: how many blobs the layer makes.
        device: the device of the arrays, as the engine names it.
        sampler: where a code is drawn from, in a training and its validation; None otherwise.
    """

    generator: Any
    tops: int
    device: Any
    sampler: Any = None

    @property
    def training(self) -> bool:
        """Whether the network is being trained."""
        return self.generator is not None
