"""A plan as a module whose exported graph names the layer of each operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.torch.layers.call import Call
from deelish.engines.torch.module import PlanModule, op_of
from deelish.plan.layer import Layer
from deelish.plan.plan import Plan

CPU = torch.device("cpu")


class _Row(nn.Module):
    """One row; an exporter notes the module that it was in at each operation."""

    def __init__(self, layer: Layer, weights: Any) -> None:
        super().__init__()
        self.layer, self.weights = layer, weights

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        call = Call(None, len(self.layer.tops), CPU, None)
        made = op_of(self.layer.type)(list(bottoms), self.weights, self.layer.args, call)
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
