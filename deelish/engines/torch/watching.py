"""Notices at little cost that the weights of a torch.nn.Module, or its parts, are others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# How many numbers of a tensor are compared: an update changes nearly all of them.
SAMPLE = 16
_PLAIN = frozenset({bool, int, float, str})
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")


class Watch:
    """Compares which tensors a module has, and some numbers of each.

    PyTorch counts the writes into a tensor, but not those through `.data`, NumPy or a fused
    optimiser; some numbers show these.

    tables: whether buffers that no file holds are compared too: a model may fill them as it runs.
    """

    def __init__(self, tables: bool = True) -> None:
        self._tables = tables
        self._tensors: list[Any] = []
        self._samples: list[list[Tensor]] = []

    def look(self, module: nn.Module) -> Any:
        """Something that changes with nearly every change of the module's arrays."""
        tensors = [
            value
            for part in module.modules()
            for held in (part._parameters, part._buffers)
            for name, value in held.items()
            if value is not None and (self._tables or name not in part._non_persistent_buffers_set)
        ]
        where = [(id(value), _address(value)) for value in tensors]
        if where != self._tensors:
            self._tensors, self._samples = where, _samples(tensors)
        numbers = [
            torch.cat(some).cpu().view(torch.uint8).numpy().tobytes() for some in self._samples
        ]
        versions = [0 if value.is_inference() else value._version for value in tensors]
        return where, versions, numbers


def traits(module: nn.Module) -> Any:
    """Something that changes with the parts of a module, their hooks and their plain attributes."""
    seen: list[Any] = []
    for part in module.modules():
        own = vars(part)
        seen += [id(part), *(len(own.get(name, ())) for name in _HOOKS)]
        # One expression: it is run for some thousand attributes at each batch.
        seen += [v if type(v) in _PLAIN else id(v) for k, v in own.items() if k != "training"]
    return seen


def memory_of(value: Tensor) -> Tensor | None:
    """A tensor's numbers in the order of its memory, flat, not copied; None where it has gaps."""
    order = {4: torch.channels_last, 5: torch.channels_last_3d}.get(value.dim())
    if not value.is_contiguous() and not (order and value.is_contiguous(memory_format=order)):
        return None
    return value.detach().as_strided((value.numel(),), (1,), value.storage_offset())


def _address(value: Tensor) -> int:
    try:
        return value.data_ptr()
    except RuntimeError:  # a kind of tensor without memory of its own
        return 0


def _samples(tensors: list[Tensor]) -> list[list[Tensor]]:
    """Views of some numbers of each tensor, those that can be compared at once together."""
    alike: dict[Any, list[Tensor]] = {}
    for value in tensors:
        plain = type(value) in (Tensor, nn.Parameter) and value.layout == torch.strided
        if plain and not (value.is_meta or value.is_quantized) and value.numel():
            flat = memory_of(value)
            if flat is not None:
                some = flat[:: max(1, value.numel() // SAMPLE)]
                alike.setdefault((value.device, value.dtype), []).append(some)
    return list(alike.values())
