"""Ctrl-C in training: it waits for the end of the update, so that no update is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Within ``with Interrupt()`` the first Ctrl-C only sets `requested`; a second one raises."""

    requested = False

    def __enter__(self) -> Interrupt:
        self._before: Any = None
        # Only the main thread gets signals, and only it may set their handlers.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
