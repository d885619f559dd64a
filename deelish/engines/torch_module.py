"""A plan as a torch.nn.Module: one child a layer that has weights, under the layer's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.torch_ops import OPS
from deelish.plan.kinds import Blobs
from deelish.plan.layer import Layer
from deelish.plan.plan import Plan

# A layer, its child module (None without weights), and the blobs that nothing reads after it.
Step = tuple[Layer, nn.Module | None, list[str]]


class LayerWeights(nn.Module):
    """The weights of one layer: parameters where they learn, buffers where they are counted."""

    def __init__(self, blobs: Blobs, values: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.register_parameter("bias", None)
        for name, blob in blobs.items():
            tensor = torch.empty(blob.shape)
            # NumPy copies out of a memory map several times faster than torch does.
            np.copyto(tensor.numpy(), values[name])
            if blob.learns:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)


class PlanModule(nn.Module):
    """Runs a plan. ``module(x)`` gives the logits; ``module(inputs, wanted)`` any blobs.

    In training mode the layers of phase TRAIN run and dropout is drawn from `generator`.
    """

    def __init__(
        self,
        plan: Plan,
        values: Mapping[str, Mapping[str, np.ndarray]],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.plan = plan
        self.generator = generator
        self.children_by_layer: dict[str, str] = {}
        for layer, blobs in plan.weights.items():
            child = self._free_name(layer)
            self.children_by_layer[layer] = child
            self.add_module(child, LayerWeights(blobs, values[layer]))
        self._schedules: dict[tuple[str, tuple[str, ...]], list[Step]] = {}

    def _free_name(self, layer: str) -> str:
        """The layer's name, without what torch forbids in one: dots and its own attributes."""
        name = layer.replace(".", "_")
        while hasattr(self, name):
            name += "_"
        return name

    def weights_of(self, layer: str) -> Any:
        """The child module that holds a layer's weights, or None."""
        name = self.children_by_layer.get(layer)
        return None if name is None else getattr(self, name)

    def forward(
        self, inputs: Tensor | Mapping[str, Tensor], wanted: Iterable[str] | None = None
    ) -> Any:
        """Logits (n, classes) of one tensor, or {blob: tensor} for inputs and blobs by name."""
        if isinstance(inputs, Tensor):
            inputs = {next(iter(self.plan.inputs)): inputs}
        names = (self.plan.logits,) if wanted is None else tuple(sorted(wanted))
        blobs = {name: _channels_last(tensor) for name, tensor in inputs.items()}
        generator = self.generator if self.training else None
        for layer, weights, dead in self._schedule(names):
            bottoms = [blobs[name] for name in layer.bottoms]
            blobs[layer.tops[0]] = OPS[layer.type](bottoms, weights, layer.args, generator)
            for name in dead:
                del blobs[name]
        if wanted is None:
            return blobs[self.plan.logits].flatten(1)
        return {name: blobs[name] for name in names}

    def _schedule(self, wanted: tuple[str, ...]) -> list[Step]:
        """The steps that these blobs need, each with the blobs that are not read again."""
        key = ("TRAIN" if self.training else "TEST", wanted)
        if key not in self._schedules:
            steps: list[Step] = []
            live = set(wanted)
            for layer in reversed(self.plan.rows(*key)):
                used = dict.fromkeys((*layer.bottoms, *layer.tops))
                steps.append(
                    (
                        layer,
                        self.weights_of(layer.name),
                        [name for name in used if name not in live],
                    )
                )
                live.difference_update(name for name in layer.tops if name not in layer.bottoms)
                live.update(layer.bottoms)
            self._schedules[key] = steps[::-1]
        return self._schedules[key]


def _channels_last(tensor: Tensor) -> Tensor:
    """Images in the layout that convolutions run fastest in; the numbers stay the same."""
    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)
