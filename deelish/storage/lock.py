"""One process at a time: a lock on a small file, released when its process ends or is killed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from deelish.errors import FileError

NAME = "lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; waits until it is free.

    The file stays: if it were removed, two processes could lock two files of one name.

    Raises:
        OSError: the folder is missing or read-only, or its file system has no locks.
    """
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        take(handle)
        yield
    finally:
        os.close(handle)  # which releases the lock


@contextlib.contextmanager
def changing(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file's folder; `what` ends the sentence of an error: "removed".

    Raises:
        FileError: the folder is read-only, or on Windows a process has the file open.
    """
    try:
        with locked(path.parent):
            yield
    except OSError as error:
        raise FileError(f"{path}: cannot be {what} ({error.strerror})") from error


if sys.platform == "win32":
    import msvcrt
    import time

    def take(handle: int) -> None:
        """Take the lock of an open file; waits until it is free. Raises OSError."""
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                return
            except PermissionError:  # another process holds it
                time.sleep(0.01)

    def try_to_take(handle: int) -> bool | None:
        """None: a process that has a file open keeps others from removing it."""
        return None

else:
    import fcntl

    def take(handle: int) -> None:
        """Take the lock of an open file; waits until it is free. Raises OSError."""
        fcntl.flock(handle, fcntl.LOCK_EX)

    def try_to_take(handle: int) -> bool | None:
        """Whether the lock of an open file was free, and is taken now; None without locks."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
