"""A folder that belongs to one process for as long as it runs."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from pathlib import Path

from deelish.errors import FileError
from deelish.storage.lock import try_to_take

# Not the name of `lock`: the folder of a teacher cache may be that of the checkpoints too.
NAME = "training_lock"
# What the lock file says of its holder.
NAMED = re.compile(r"process (\d+) on (.*)")
# Seconds in which a new holder writes that.
PATIENCE = 2.0


class Claim:
    """The lock of a folder, held until `release`; the end of the process, even by a kill, ends it.

    The lock file stays, and names the process that holds the lock, or held it last.

    Raises:
        FileError: another process holds it, which is named; or the folder cannot be made or
            written.
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
        # Without locks, as on Windows, it is not known whether another process has it.
        if try_to_take(handle) is False:
            holder = _holder(handle)
            os.close(handle)
            raise FileError(
                f"{folder}: is in use by {holder}; wait until it ends, or give another folder"
            )
        self._handle = handle
        # On a full disk the name is missing, and the first checkpoint reports why.
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())

    def release(self) -> None:
        """Give the folder back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _holder(handle: int) -> str:
    """The process that holds the lock, in words."""
    until = time.monotonic() + PATIENCE
    text = _read(handle)
    # It took the lock just now, and has not written its name over that of the one before.
    while not _is_running(text) and time.monotonic() < until:
        time.sleep(0.005)
        text = _read(handle)
    return text or "another process"


def _read(handle: int) -> str:
    with contextlib.suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        return os.read(handle, 200).decode(errors="replace").strip()
    return ""


def _is_running(text: str) -> bool:
    """Whether this is a process that runs, as far as this machine knows."""
    found = NAMED.fullmatch(text)
    if found is None:
        return False
    if found[2] != socket.gethostname():
        return True
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
