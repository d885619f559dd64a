"""The process group of a training: rank and world size from the launcher, what ranks exchange."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from deelish.errors import EngineError

# torchrun sets all of these; other programs set some of them.
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """The rank of this process and the world size: in all, and on this machine."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1


def launch() -> Launch:
    """The launch as torchrun describes it in the environment; without it, one process.

    Raises:
        EngineError: a number is not whole, or a rank is not below its world size.
    """
    if not all(name in os.environ for name in NAMES):
        return Launch()
    texts = {name: os.environ[name] for name in NAMES[:3]}
    try:
        rank, world_size, local_rank = (int(text) for text in texts.values())
        local_world_size = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    except ValueError:
        rank, world_size, local_rank, local_world_size = -1, 0, 0, 1
    if not (0 <= rank < world_size and 0 <= local_rank < local_world_size):
        found = ", ".join(f"{name}={text}" for name, text in texts.items())
        raise EngineError(
            f"the environment has {found}, but needs whole numbers and a rank below the world size;"
            " start the script with torchrun, or unset them"
        )
    return Launch(rank, world_size, local_rank, local_world_size)


def leave_group() -> Launch:
    """The launch; from then on this process is alone, forms no group, and waits for none."""
    here = launch()
    for name in NAMES:
        os.environ.pop(name, None)
    return here


def is_rank_zero() -> bool:
    """Whether this is the process that prints, shows and writes: the one of rank 0."""
    return launch().rank == 0


def available_cores() -> int:
    """How many cores this process may use; containers and schedulers limit them.

    The processes of a training on one machine divide them equally.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, allowed // launch().local_world_size)


class Group:
    """The process group of a training. This one has a single process, which asks nobody.

    Every process calls the same methods in the same order. One that does not makes the others wait
    for ever.

    Attributes:
        rank, world_size: which process this is, of how many.
    """

    rank = 0
    world_size = 1

    def all_sum(self, numbers: Sequence[float]) -> list[float]:
        """Each of the numbers, summed over the processes."""
        return list(numbers)

    def all_gather(self, lines: Sequence[str]) -> list[str]:
        """The lines of all processes, by rank."""
        return list(lines)

    def all_gather_rows(self, rows: Any, counted: bool) -> Any:
        """The rows (n, ...) of all processes, by rank; gradients go through this one's alone.

        Args:
            rows: those of this process, a tensor of the engine; each has its own n.
            counted: whether they are among them.
        """
        return rows

    def on_rank_zero(self, action: Callable[[], object]) -> None:
        """Do it in the process of rank 0, while all wait.

        Raises:
            FileError: in the others, where it failed in rank 0, which raises its own error.
        """
        action()

    def broadcast_weights(self, module: Any) -> None:
        """Give all processes the weights of rank 0, once for a module."""

    def backward(self, loss: Any, optimizers: Sequence[Any], failed: bool = False) -> bool:
        """The gradients of the sum of all processes' losses; whether any of these failed.

        Args:
            loss: a scalar of the engine.
            optimizers: those whose parameters it trains, the student's own first.
            failed: whether this process cannot learn from the batch; the gradients are of no use.
        """
        if not failed:
            loss.backward()
        return failed

    def sharing_statistics(self, images: int, counted: bool) -> AbstractContextManager[object]:
        """Within the block, layers that normalise a batch take it from all processes.

        Args:
            images: how many this process has.
            counted: whether they count; those of a substitute do not.
        """
        return nullcontext()

    def average_buffers(self, module: Any, weight: float) -> None:
        """Replace buffers, such as running means, by their average with this process's weight."""


ALONE = Group()
