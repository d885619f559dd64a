"""The gradients of a loss in all processes of a group, by DistributedDataParallel."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from deelish.engines.torch.optimizers import trained_by

# Around what waits for the other processes: their end becomes one sentence.
Waiting = Callable[[], AbstractContextManager[None]]

# Filters of 1 x 1 have two equal layouts, of which a backward pass in bfloat16 takes the other one.
warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")


class LossModule(nn.Module):
    """Gives back the loss that it is given; its parameters are those that the loss trains.

    DistributedDataParallel around it sees a finished graph. So a student runs as often as a loss
    needs, leaves layers out of some batches, keeps its own class and names, and can be copied:
    all that a wrapper around the student itself forbids.
    """

    def __init__(self, parameters: Iterable[Tensor], device: torch.device) -> None:
        super().__init__()
        self.trained = nn.ParameterList(parameters)
        # Its gradient is how many processes failed: no message of its own is needed.
        self.failures = nn.Parameter(torch.zeros((), device=device))
        # PyTorch warns where it looks for parameters without gradient, and never finds one.
        self.left_out = nn.Parameter(torch.zeros((), device=device))

    def forward(self, loss: Tensor, failed: bool) -> Tensor:
        if not failed:
            return loss + self.failures * 0
        # NaN of its own would hide from the others which process failed, and at what.
        return sum((tensor.sum() * 0 for tensor in self.trained), self.failures)


class Gradients:
    """Backward passes of a process group, in which messages travel while gradients are computed.

    Args:
        world_size: how many processes there are.
        device: that of the parameters.
        waiting: wraps what needs the other processes.
    """

    def __init__(self, world_size: int, device: torch.device, waiting: Waiting) -> None:
        self._world_size, self._device, self._waiting = world_size, device, waiting
        self._modules: WeakKeyDictionary[Optimizer, DistributedDataParallel] = WeakKeyDictionary()

    def backward(self, loss: Tensor, optimizers: Sequence[Optimizer], failed: bool) -> bool:
        """Give parameters the gradients of the sum of the losses; whether a process failed.

        A parameter in no process's loss keeps no gradient, so that optimisers pass it by.
        """
        module = self._module_of(optimizers)
        inner = module.module
        inner.failures.grad = None
        # The library means over the processes.
        loss = module(loss * self._world_size, failed)
        with self._waiting():
            loss.backward()  # type: ignore[no-untyped-call]
        return bool(inner.failures.grad)

    def _module_of(self, optimizers: Sequence[Optimizer]) -> DistributedDataParallel:
        """The module of a student's optimiser; made again where a loss has another projection."""
        first, needed = optimizers[0], [t for each in optimizers for t in trained_by(each)]
        known = self._modules.get(first)
        trained = [] if known is None else list(known.module.trained)
        present = {id(tensor) for tensor in trained}
        added = [t for t in needed if id(t) not in present and t.requires_grad]
        if known is None or added:
            # The old one first gives back its hooks on the parameters.
            self._modules.pop(first, None)
            del known
            with self._waiting():
                self._modules[first] = DistributedDataParallel(
                    LossModule([*trained, *added], self._device),
                    find_unused_parameters=True,
                    init_sync=False,
                    gradient_as_bucket_view=True,
                )
        return self._modules[first]
