"""A folder that belongs to one process for as long as it runs."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

from deelish.errors import FileError

NAME = "lock"
# The text begins after the byte that is locked, which others cannot read on Windows.
START = 1


class Claim:
    """The lock of a folder, held until `release`; the end of the process, even by a kill, ends it.

    The lock file stays, and names the process that holds the lock, or held it last.

    Raises:
        FileError: another process holds it, which is named; or the folder cannot be made or
            written, or its file system has no locks.
    """

    def __init__(self, folder: Path) -> None:
        self._handle: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise FileError(
                f"{folder}: cannot hold checkpoints ({error.strerror}); give a folder that can be"
                " written"
            ) from error
        if not _take(handle):
            holder = _read(handle)
            os.close(handle)
            raise FileError(
                f"{folder}: is in use by {holder}; wait until it ends, or give another folder"
            )
        self._handle = handle
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, f" process {os.getpid()} on {socket.gethostname()}".encode())

    def release(self) -> None:
        """Give the folder back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _read(handle: int) -> str:
    with contextlib.suppress(OSError):
        os.lseek(handle, START, os.SEEK_SET)
        text = os.read(handle, 200).decode(errors="replace").strip()
        if text:
            return text
    return "another process"


if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> bool:
        os.lseek(handle, 0, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
