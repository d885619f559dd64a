"""Signals in training: they wait for the end of the update, so that no update is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from deelish.common.terminal import leave_closed, open_terminals

# What ends a training: Ctrl-C, a scheduler, a terminal that closes. Windows has not all of them.
STOPPING = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
]
# What Slurm sends some time before the end, with --signal=USR1@300.
SAVING = getattr(signal, "SIGUSR1", None)


class Interrupt:
    """Within ``with Interrupt()`` the first Ctrl-C only sets `requested`; a second one raises.

    Args:
        checkpoints: whether the other signals are waited for too: SIGTERM and SIGHUP end the
            training after a checkpoint, SIGUSR1 asks for one.

    Attributes:
        requested: whether the training is to end after the update in hand.
        number: the signal that asked for it.
        save_requested: whether a checkpoint is asked for.
    """

    def __init__(self, checkpoints: bool = False) -> None:
        self.requested = self.save_requested = False
        self.number: int = signal.SIGINT
        saving = [] if SAVING is None else [SAVING]
        self._signals = [*STOPPING, *saving] if checkpoints else [signal.SIGINT]
        self._before: dict[Any, Any] = {}
        self._terminals: list[int] = []

    def __enter__(self) -> Interrupt:
        self._terminals = open_terminals()
        # Only the main thread gets signals, and only it may set their handlers.
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                # nohup ignores SIGHUP, which then ends nothing.
                if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            # None is a handler that was not set by Python, and cannot be set again.
            if handler is not None:
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == SAVING:
            self.save_requested = True
            return
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        # SIGHUP comes of one that closed; a line that cannot be printed must not end the update.
        leave_closed(self._terminals)
        self.requested, self.number = True, number
