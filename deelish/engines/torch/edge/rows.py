"""A plan as a module whose exported graph names the layer of each operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.torch.layers import OPS, OWN, Op
from deelish.engines.torch.layers.call import Args, Call
from deelish.engines.torch.layers.normalisation import lrn_plainly
from deelish.engines.torch.layers.pooling import pool_plainly
from deelish.engines.torch.module import PlanModule, op_of
from deelish.plan.layer import Layer
from deelish.plan.plan import Plan

CPU = torch.device("cpu")


def _pooling(x: Sequence[Tensor], p: Any, a: Args, c: Call) -> Tensor | Sequence[Tensor]:
    return OPS["Pooling"](x, p, a, c) if c.tops == 2 else pool_plainly(x[0], a)


# By operations that mean the same in every runtime.
_PLAIN: dict[str, Op] = {"Pooling": _pooling, "LRN": lambda x, p, a, c: lrn_plainly(x[0], a)}


def _op_of(type: str) -> Op:
    # A script may have put a function of its own in the place of deelish's.
    is_own = type in OWN and OPS.get(type) is OWN[type]
    return _PLAIN[type] if type in _PLAIN and is_own else op_of(type)


class _Row(nn.Module):
    """One row; an exporter notes the module that it was in at each operation."""

    def __init__(self, layer: Layer, weights: Any) -> None:
        super().__init__()
        self.layer, self.weights = layer, weights

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        call = Call(None, len(self.layer.tops), CPU, None)
        made = _op_of(self.layer.type)(list(bottoms), self.weights, self.layer.args, call)
        return (made,) if isinstance(made, Tensor) else tuple(made)


class RowsModule(nn.Module):
    """The rows that make the logits in evaluation mode: an image batch to logits (n, classes).

    Args:
        plan: the network, all of whose rows run.
        values: its weights.

    Attributes:
        labels: by the path of a module within it, what errors call the layer.
    """

    def __init__(self, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        super().__init__()
        held = PlanModule(plan, values, torch.Generator()).eval()
        self.plan = plan
        self.rows = nn.ModuleList(_Row(row, held.weights_of(row.name)) for row in plan.layers)
        self.labels = {f"rows.{index}": row.label for index, row in enumerate(plan.layers)}

    def forward(self, values: Tensor) -> Tensor:
        blobs = {self.plan.data: values}
        for row, layer in zip(self.rows, self.plan.layers, strict=True):
            blobs.update(zip(layer.tops, row(*(blobs[b] for b in layer.bottoms)), strict=True))
            for name in layer.echoes:
                if name in blobs:
                    written = next(top for top in layer.tops if top in layer.bottoms)
                    blobs[name] = blobs[written].reshape(blobs[name].shape)
        return blobs[self.plan.logits].flatten(1)
