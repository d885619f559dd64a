"""One forward pass of a learner: its output, its input, and what a training adds to the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deelish.network.outputs import OutputTensor


@dataclass(frozen=True)
class Forward:
    """One forward pass.

    Attributes:
        output: the logits or another output, with the inner blobs that were asked for.
        data: the input (n, channels, size, size), the engine's tensor.
        heads: in training the logits of each auxiliary classifier, with its weight in the loss.
        penalties: in a training what its own layers add to the loss, each with its weight.
    """

    output: OutputTensor
    data: Any
    heads: Sequence[tuple[Any, float]] = ()
    penalties: Sequence[tuple[Any, float]] = ()

    @property
    def penalty(self) -> Any:
        """The weighted sum of the penalties, for the mean image."""
        return sum(value * weight for value, weight in self.penalties)
