"""The processes of one training: what the launcher says of them, and what one alone does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from deelish.errors import EngineError

# What torchrun sets, all of it; other programs set some of it.
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """Which of how many processes this is, and which of how many on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def launch() -> Launch:
    """What torchrun says in the environment; without it, one process.

    Raises:
        EngineError: it says no whole numbers, or a rank that is not below the size.
    """
    if not all(name in os.environ for name in NAMES):
        return Launch()
    texts = {name: os.environ[name] for name in NAMES[:3]}
    try:
        rank, size, local_rank = (int(text) for text in texts.values())
        local_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    except ValueError:
        rank, size, local_rank, local_size = -1, 0, 0, 1
    if not (0 <= rank < size and 0 <= local_rank < local_size):
        said = ", ".join(f"{name}={text}" for name, text in texts.items())
        raise EngineError(
            f"the environment says {said}, where whole numbers and a rank below the size are"
            " wanted; start the script with torchrun, or unset them"
        )
    return Launch(rank, size, local_rank, local_size)


def leads() -> bool:
    """Whether this process is the one that prints, shows and writes."""
    return launch().rank == 0


def cores() -> int:
    """Cores that this process may use, which containers and schedulers limit.

    Of several processes of a training each has its share of them.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, allowed // launch().local_size)


class Group:
    """The processes that train together. This is a group of one, which has nobody to ask.

    Every process calls the same methods in the same order; who does not keeps the others waiting.

    Attributes:
        rank, size: which process this is, of how many.
    """

    rank = 0
    size = 1

    def sum(self, numbers: Sequence[float]) -> list[float]:
        """Each of the numbers, summed over the processes."""
        return list(numbers)

    def gather(self, lines: Sequence[str]) -> list[str]:
        """The lines of all processes, by rank."""
        return list(lines)

    def once(self, write: Callable[[], object]) -> None:
        """Have the first process do it, and all wait for it.

        Raises:
            FileError: in the others, where it failed in the first, which has its own error.
        """
        write()

    def broadcast_weights(self, module: Any) -> None:
        """Give all processes the first one's weights, once for a module."""

    def all_reduce_gradients(self, parameters: Iterable[Any]) -> None:
        """Replace each parameter's gradient by its sum over the processes."""

    def average_buffers(self, module: Any, share: float) -> None:
        """Replace running means by their average, in which this process has a share."""


ALONE = Group()
