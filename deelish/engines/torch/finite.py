"""Which tensors of a torch module hold NaN or infinity, and copies of its buffers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from deelish.engines.base import LayerArray, Part, is_mask
from deelish.engines.torch.adopted import AdoptedModule
from deelish.engines.torch.module import PlanModule
from deelish.engines.trainable import own_arrays


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether no tensor holds NaN or infinity; those of whole numbers hold none."""
    numbers = [tensor for tensor in tensors if tensor.is_floating_point()]
    if not numbers:
        return True
    # A norm that is finite has finite parts alone. One that is not may have overflowed.
    norms = torch._foreach_norm([tensor.detach() for tensor in numbers])
    if math.isfinite(torch.stack([norm.float() for norm in norms]).sum().item()):
        return True
    return all(bool(torch.isfinite(tensor).all()) for tensor in numbers)


def layer_arrays(module: PlanModule | AdoptedModule, part: Part) -> Iterator[LayerArray]:
    """The weights of a module, buffers but masks among them, or the gradients that are there."""
    for layer, name, value in _named(module):
        array = value if part == "weight" else value.grad
        if array is not None:
            yield LayerArray(layer, name, array)


def _named(module: PlanModule | AdoptedModule) -> Iterator[tuple[str, str, Tensor]]:
    if isinstance(module, PlanModule):
        for layer, name in own_arrays(module.plan):
            yield layer, name, getattr(module.weights_of(layer), name)
        return
    own = module.module
    buffers = ((path, value) for path, value in own.named_buffers() if not is_mask(value))
    for path, value in chain(own.named_parameters(), buffers):
        layer, _, name = path.rpartition(".")
        yield layer, name, value


def copied_buffers(module: nn.Module) -> list[Tensor]:
    """Copies of the buffers, such as running means."""
    return [buffer.detach().clone() for buffer in module.buffers()]


def restore_buffers(module: nn.Module, copies: Sequence[Tensor]) -> None:
    """Give a module the buffers that were copied."""
    with torch.no_grad():
        for buffer, copy in zip(module.buffers(), copies, strict=True):
            buffer.copy_(copy)
