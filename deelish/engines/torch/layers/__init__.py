"""The layer kinds in PyTorch: one line each, in the file of its subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from deelish.engines.torch.layers import (
    activation,
    convolution,
    forks,
    indexing,
    loss,
    normalisation,
    pooling,
    recurrent,
    reshaping,
)
from deelish.engines.torch.layers.call import Args, Call
from deelish.engines.torch.layers.call import Op as Op

_SUBJECTS = (convolution, pooling, activation, normalisation, reshaping, forks)
HALF = (torch.bfloat16, torch.float16)
# Indices and logarithms want all their digits.
_EXACT = (indexing, recurrent, loss)


def exactly(op: Op) -> Op:
    """The same function in float32, also in a network that computes in a half type."""

    def run(x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor | Sequence[Tensor]:
        with torch.autocast(torch.device(c.device).type, enabled=False):
            return op([each.float() if each.dtype in HALF else each for each in x], p, a, c)

    return run


OPS: dict[str, Op] = {name: op for part in _SUBJECTS for name, op in part.OPS.items()}
OPS |= {name: exactly(op) for part in _EXACT for name, op in part.OPS.items()}
