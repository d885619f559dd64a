"""The progress bar of a terminal: tqdm's, with a lock that each process has for itself."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from tqdm import tqdm  # noqa: TID251

if TYPE_CHECKING:
    Base = tqdm[Any]
else:  # tqdm takes no types
    Base = tqdm


class TerminalBar(Base):
    """A bar of tqdm.

    tqdm's own lock belongs to all processes that were forked from one. Where one of them is killed
    while it holds the lock, the others wait for ever, even where no bar is shown.
    """

    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    # Another thread, such as tqdm's monitor, may hold the lock while this one forks.
    os.register_at_fork(after_in_child=lambda: TerminalBar.set_lock(threading.RLock()))
