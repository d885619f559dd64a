"""How many numbers a module needs at once: its weights, and what is alive between its layers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the numbers of all tensors that operators make, while they are alive.

    Tensors that share memory count once; what an operator writes over counts as it is.
    """

    def __init__(self, known: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known, self._now, self.most = known, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, torch.Tensor):
                self._count(value)
        return made

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self._known:
            return
        self._known.add(storage._cdata)
        numbers = storage.nbytes() // tensor.element_size()
        self._now += numbers
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._gone, storage._cdata, numbers)

    def _gone(self, storage: int, numbers: int) -> None:
        self._known.discard(storage)
        self._now -= numbers


def most_numbers(module: nn.Module, image: torch.Tensor, run: Callable[[], Any]) -> int:
    """The numbers in the weights of a module, and the most beside them that one image needs.

    Args:
        module: its parameters and buffers count once, and are there from the start.
        image: its input, which is there from the start.
        run: computes its logits from the image.
    """
    own = {
        each.untyped_storage()._cdata: each.numel()
        for each in (*module.parameters(), *module.buffers())
    }
    input_storage = image.untyped_storage()._cdata
    with _Alive({*own, input_storage}) as alive:
        run()
    beside: int = alive.most
    return sum(own.values()) + image.numel() + beside
