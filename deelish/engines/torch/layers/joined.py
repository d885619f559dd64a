"""Two rows that PyTorch runs as one: which pairs there are."""

from __future__ import annotations

from typing import Any

from deelish.engines.torch.layers.call import Op
from deelish.engines.torch.layers.normalisation import normalised_and_shifted
from deelish.engines.torch.layers.rectified import rectified
from deelish.plan.layer import Layer


def joined(first: Layer, second: Layer, phase: str, weights: Any) -> Op | None:
    """The function of both rows, or None; see `deelish.engines.joining`."""
    pair = rectified(first, second, phase)
    return pair or normalised_and_shifted(first, second, weights)
