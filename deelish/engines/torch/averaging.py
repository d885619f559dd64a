"""The average of the arrays of two torch modules of one structure, in place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deelish.engines.base import is_mask


def ema_update(module: nn.Module, other: nn.Module, decay: float, *, buffers: bool) -> None:
    """module = decay * module + (1 - decay) * other in all parameters.

    Buffers are copied; with `buffers` those of fractions are averaged too.
    """
    with torch.no_grad():
        for mine, its in zip(module.parameters(), other.parameters(), strict=True):
            _average(mine, its, decay)
        for own, others in zip(module.buffers(), other.buffers(), strict=True):
            _average(own, others, decay if buffers else 0.0)


def _average(mine: Tensor, its: Tensor, decay: float) -> None:
    # Between -inf and -inf, which a mask has, there is NaN.
    is_fraction = its.is_floating_point() and (its.requires_grad or not is_mask(its))
    if decay and is_fraction:
        # Numbers that are equal stay so to the bit, as those of a frozen layer must.
        mine.lerp_(its, 1 - decay)
    else:
        mine.copy_(its)
