"""The process group that torchrun started, on torch.distributed."""

from __future__ import annotations

import atexit
import re
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from itertools import chain

import torch
import torch.distributed as dist

# Optimisers import it, and its defaults hold the group that is there at that time for ever, whose
# threads then abort the process at its end. Before the group there is none to hold.
import torch.distributed.nn.functional
from torch import Tensor, nn

from deelish.common.processes import Group
from deelish.engines.torch.batch_statistics import BatchStatistics, Exchange
from deelish.engines.torch.parallel import Gradients
from deelish.errors import EngineError, FileError

# What errors of exchanged messages name: the library of CPUs, or that of GPUs.
_OF_MESSAGES = re.compile("gloo|NCCL", re.IGNORECASE)
# How long a process waits for the others: process 0 may compare, or save, while they wait.
PATIENCE = timedelta(minutes=30)


class TorchGroup(Group):
    """The group that this process belongs to, by gloo on the CPU and NCCL on GPUs.

    Raises:
        EngineError: the processes do not find each other.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._broadcast: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            # With a GPU both are there, as one script may have a session on each device.
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            with _collective("cannot join the others"):
                dist.init_process_group(backend, timeout=PATIENCE)
            atexit.register(leave_group)
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self._statistics: dist.ProcessGroup | None = None
        self._gradients = Gradients(self.world_size, device, _collective)

    def all_sum(self, numbers: Sequence[float]) -> list[float]:
        total = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        self._all_reduce(total)
        summed: list[float] = total.tolist()
        return summed

    def all_gather(self, lines: Sequence[str]) -> list[str]:
        found: list[list[str]] = [[] for _ in range(self.world_size)]
        with _collective():
            dist.all_gather_object(found, list(lines))
        return list(chain(*found))

    def all_gather_rows(self, rows: Tensor, counted: bool) -> Tensor:
        own = [0.0] * self.world_size
        own[self.rank] = len(rows) * counted
        counts = [int(count) for count in self.all_sum(own)]
        room = rows.new_zeros((max(counts), *rows.shape[1:]))
        room[: counts[self.rank]] = rows[: counts[self.rank]].detach()
        found = [torch.empty_like(room) for _ in counts]
        with _collective():
            dist.all_gather(found, room)
        found = [part[:count] for part, count in zip(found, counts, strict=True)]
        if counted:
            found[self.rank] = rows
        return torch.cat(found)

    def on_rank_zero(self, action: Callable[[], object]) -> None:
        error: Exception | None = None
        if self.rank == 0:
            try:
                action()
            except Exception as caught:
                error = caught
        failed = self.all_sum([error is not None])[0]
        if error is not None:
            raise error
        if failed:
            raise FileError("process 0 could not use a file; look for its own error")

    def broadcast_weights(self, module: nn.Module) -> None:
        if module in self._broadcast:
            return
        self._broadcast.add(module)
        with _collective(), torch.no_grad():
            for tensor in chain(module.parameters(), module.buffers()):
                whole = tensor.detach().contiguous()
                dist.broadcast(whole, 0)
                tensor.copy_(whole)

    def backward(
        self, loss: Tensor, optimizers: Sequence[torch.optim.Optimizer], failed: bool = False
    ) -> bool:
        if self._statistics is not None:
            # A process that failed would not exchange the sums of a backward pass.
            (failures,) = self.all_sum([failed])
            if failures:
                return True
        return self._gradients.backward(loss, optimizers, failed)

    def sharing_statistics(self, images: int, counted: bool) -> AbstractContextManager[object]:
        if self._statistics is None:
            # Their messages must not come between those of gradients, which have an order too.
            with _collective():
                self._statistics = dist.new_group(timeout=PATIENCE)
        (total,) = self.all_sum([images * counted])
        reduce = partial(self._all_reduce, group=self._statistics)
        return BatchStatistics(Exchange(self.rank, self.world_size, counted, int(total), reduce))

    def average_buffers(self, module: nn.Module, weight: float) -> None:
        # Counters are the same in all processes, and no mean of whole numbers is needed.
        buffers = [tensor for tensor in module.buffers() if tensor.is_floating_point()]
        if not buffers:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in buffers]) * weight
        self._all_reduce(flat)
        for tensor, mean in zip(buffers, _split(flat, buffers), strict=True):
            tensor.copy_(mean)

    def _all_reduce(self, tensor: Tensor, group: dist.ProcessGroup | None = None) -> None:
        with _collective():
            dist.all_reduce(tensor, group=group)


def _split(flat: Tensor, like: Iterable[Tensor]) -> Iterator[Tensor]:
    """The parts that a flat tensor begins with, in the shapes of these."""
    start = 0
    for tensor in like:
        end = start + tensor.numel()
        yield flat[start:end].view(tensor.shape)
        start = end


@contextmanager
def _collective(what: str = "cannot go on") -> Iterator[None]:
    """PyTorch's errors about a process that has ended, in one sentence."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        # A backward pass runs functions of the user's, too, whose errors are their own.
        if not (isinstance(error, dist.DistError | ValueError) or _OF_MESSAGES.search(str(error))):
            raise
        raise EngineError(
            f"this process {what}, since another one of the training has ended or does not respond;"
            " look for its own error"
        ) from error


def leave_group() -> None:
    """Leave the group at the end of the process; PyTorch warns of one that is still there."""
    # With NCCL a process cannot leave while others wait for it. After an error torchrun ends them.
    failed = hasattr(sys, "last_value")
    waited_for = failed and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if dist.is_initialized() and not waited_for:
        dist.destroy_process_group()
