"""The layer kinds in PyTorch: one line each, in the file of its subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from deelish.engines.torch.layers.call import Args, Call
from deelish.engines.torch.layers.call import Op as Op
from deelish.plan.layers import SUBJECTS

REDUCED = (torch.bfloat16, torch.float16)
# Indices and logarithms need all their digits.
_EXACT = ("gaussian", "indexing", "recurrent", "loss")


def exactly(op: Op) -> Op:
    """The same function in float32, also under autocast."""

    def run(x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor | Sequence[Tensor]:
        kind = torch.device(c.device).type
        x = [each.float() if each.dtype in REDUCED else each for each in x]
        if not torch.is_autocast_enabled(kind):
            # An exported graph would hold the block below, which few converters know.
            return op(x, p, a, c)
        with torch.autocast(kind, enabled=False):
            return op(x, p, a, c)

    return run


OPS: dict[str, Op] = {
    name: exactly(op) if subject in _EXACT else op
    for subject in SUBJECTS
    for name, op in import_module(f"{__name__}.{subject}").OPS.items()
}
# Those that deelish brings: a script may put others into OPS.
OWN: Mapping[str, Op] = MappingProxyType(dict(OPS))
