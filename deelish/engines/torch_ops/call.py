"""What every layer's function in PyTorch is given beside its bottoms, weights and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Args = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """How a layer is run.

    Attributes:
        generator: where dropout draws from, in training; None otherwise.
        tops: how many blobs the layer makes.
        device: where the tensors lie.
    """

    generator: torch.Generator | None
    tops: int
    device: torch.device

    @property
    def training(self) -> bool:
        """Whether the network is being trained."""
        return self.generator is not None


# (bottoms, the layer's weights, its arguments, how it is run) -> its top, or as many as it has
Op = Callable[[Sequence[Tensor], Any, Args, Call], Tensor | Sequence[Tensor]]
