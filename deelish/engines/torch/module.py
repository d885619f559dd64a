"""A plan as a torch.nn.Module: one child a layer that has weights, under the layer's name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.common.pieces import in_pieces
from deelish.engines.custom import custom
from deelish.engines.runner import Runner
from deelish.engines.torch.layers import OPS, Op, exactly
from deelish.engines.torch.layers.joined import joined
from deelish.engines.trainable import Trainable, trainable_arrays
from deelish.plan.kind import Blob, Blobs
from deelish.plan.plan import Plan
from deelish.plan.shapes import Shape

# Bytes; what PyTorch's own tensors begin on.
ALIGNMENT = 64


class LayerWeights(nn.Module):
    """The weights of one layer: parameters where they are trainable, else buffers.

    An array that another layer owns in the same shape is the very same parameter.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("bias", None)

    def hold(self, name: str, blob: Blob, lr_mult: float) -> np.ndarray:
        """Room for an array, to be filled; one with an lr_mult of 0 gets no gradient."""
        room = _room(blob.shape)
        tensor = torch.from_numpy(room)
        if blob.trainable:
            self.register_parameter(name, nn.Parameter(tensor, requires_grad=lr_mult != 0))
        else:
            self.register_buffer(name, tensor)
        return room

    def share(self, name: str, blob: Blob, owner: LayerWeights, owned: str) -> None:
        """Use another layer's array, in a shape of its own where that differs."""
        value = getattr(owner, owned)
        if value.shape == blob.shape:
            self.register_parameter(name, value)
        else:
            # A plain attribute: the parameter itself is the owner's.
            object.__setattr__(self, f"_{name}_of", (owner, owned, blob.shape))

    def __getattr__(self, name: str) -> Any:
        shared = self.__dict__.get(f"_{name}_of")
        if shared is None:
            return super().__getattr__(name)
        owner, owned, shape = shared
        return getattr(owner, owned).reshape(shape)


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
        # Whether codes are drawn outside of training too, as for the loss in validation.
        self.sampled = False
        self.children_by_layer: dict[str, str] = {}
        # By wanted blobs the compiled function of this module; the two are freed together.
        self.compiled: dict[Any, Any] = {}
        copies: list[tuple[np.ndarray, np.ndarray]] = []
        for layer, blobs in plan.weights.items():
            child = self._free_name(layer)
            self.children_by_layer[layer] = child
            self.add_module(child, self._child(layer, blobs, values.get(layer, {}), copies))
        in_pieces(np.copyto, copies)
        self._runner = Runner(plan, op_of, self.weights_of, joined, exactly)

    def _child(
        self,
        layer: str,
        blobs: Blobs,
        values: Mapping[str, np.ndarray],
        copies: list[tuple[np.ndarray, np.ndarray]],
    ) -> LayerWeights:
        child = LayerWeights()
        for name, blob in blobs.items():
            owner, owned = self.plan.owners.get((layer, name), (layer, name))
            if owner != layer:
                child.share(name, blob, self.weights_of(owner), owned)
            else:
                room = child.hold(name, blob, self.plan.multipliers(layer, name)[0])
                copies.append((room, values[name]))
        return child

    def _free_name(self, layer: str) -> str:
        """The layer's name, without what torch forbids in one: dots and its own attributes."""
        name = layer.replace(".", "_") or "_"
        while hasattr(self, name):
            name += "_"
        return name

    def weights_of(self, layer: str) -> Any:
        """The child module that holds a layer's weights, or None."""
        name = self.children_by_layer.get(layer)
        return None if name is None else getattr(self, name)

    def trainable(self) -> list[Trainable]:
        """The trainable parameters with Caffe's multipliers of learning rate and decay.

        Raises:
            TrainingError: every lr_mult is 0.
        """
        return [
            Trainable(layer, getattr(self.weights_of(layer), name), lr_mult, decay_mult)
            for layer, name, lr_mult, decay_mult in trainable_arrays(self.plan)
        ]

    def forward(
        self, inputs: Tensor | Mapping[str, Tensor], wanted: Iterable[str] | None = None
    ) -> Any:
        """Logits (n, classes) of one tensor, or {blob: tensor} for inputs and blobs by name."""
        if isinstance(inputs, Tensor):
            inputs = {self.plan.data: inputs}
        names = [self.plan.logits] if wanted is None else wanted
        blobs = {name: _channels_last(tensor) for name, tensor in inputs.items()}
        generator = self.generator if self.training else None
        sampler = self.generator if self.training or self.sampled else None
        outputs = self._runner.run(blobs, names, generator, self.generator.device, sampler)
        return outputs[self.plan.logits].flatten(1) if wanted is None else outputs


def op_of(type: str) -> Op:
    """The function of a layer type: deelish's, or that of a script."""
    return OPS.get(type) or exactly(custom("torch", type))


def _room(shape: Shape) -> np.ndarray:
    """An empty float32 array; images and their filters channels last, as convolutions need them.

    NumPy's own memory comes in huge pages, which half a gigabyte fills several times faster.
    """
    # On another alignment the library may take another path, and round differently.
    size = 4 * math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    room: np.ndarray = memory[start : start + size].view(np.float32)
    if len(shape) != 4:
        return room.reshape(shape)
    n, c, h, w = shape
    return room.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def _channels_last(tensor: Tensor) -> Tensor:
    """Images in the layout that convolutions run fastest in; the numbers stay the same."""
    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)
