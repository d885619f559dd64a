"""A file that stays open and is read at any offset, by several threads at once."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from pathlib import Path


class OpenFile:
    """A file that is open for reading. It can be read after its removal.

    It is read, not mapped. A mapped file that somebody truncates kills the process; and while a
    page is loaded, all threads wait, where a read makes one wait.

    Raises:
        OSError: the file is missing, or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def read(self, start: int, length: int) -> bytes:
        """So many bytes from `start` on; fewer where the file ends before. Raises OSError."""
        return _read(self._handle, length, start)

    def status(self) -> os.stat_result:
        """What the system says of it now, whatever its name is by now."""
        return os.fstat(self._handle)


if sys.platform == "win32":
    _one = threading.Lock()

    def _read(handle: int, length: int, start: int) -> bytes:
        with _one:
            os.lseek(handle, start, os.SEEK_SET)
            return os.read(handle, length)

else:
    _read = os.pread
