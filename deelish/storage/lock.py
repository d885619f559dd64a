"""One process at a time: a lock on a small file, released when its process ends or is killed.

The lock file holds a note of the append in hand. Whoever takes the lock after a kill finds it, and
cuts off what the killed process had written, so that an append is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from deelish.errors import FileError

NAME = "lock"
# A note has room for this; it is overwritten in place, which a full disk still allows.
NOTE_BYTES = 512
# crc32 of all that follows, inode, start, length, bytes of the name; the name follows.
_NOTE = struct.Struct("<IQQQH")
_AFTER_SUM = 4
_BINARY = getattr(os, "O_BINARY", 0)


class FolderLock:
    """The lock of a folder, which this process holds."""

    def __init__(self, folder: Path, handle: int) -> None:
        self._folder, self._handle = folder, handle

    @contextlib.contextmanager
    def appending(self, path: Path, start: int, length: int) -> Iterator[None]:
        """While a file of the folder gets `length` bytes from `start` on.

        What is not whole after the block, or when this process is killed, is cut off.

        Raises:
            OSError: the note cannot be written.
        """
        self._write(_packed(path, start, length))
        try:
            yield
        finally:
            self.settle()

    def settle(self) -> None:
        """Cut off what an append has left that did not come to its end, and clear its note."""
        found = _unpacked(_read(self._handle))
        if found is not None:
            _cut(self._folder, *found)
            self._write(bytes(NOTE_BYTES))

    def _write(self, note: bytes) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        # One small write, which a kill does not divide.
        if os.write(self._handle, note) != len(note):
            raise OSError(f"{self._folder / NAME}: has no room for {len(note)} bytes")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[FolderLock]:
    """Hold the lock of a folder; waits until it is free.

    The file stays: if it were removed, two processes could lock two files of one name.

    Raises:
        OSError: the folder is missing or read-only, or its file system has no locks.
    """
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
    try:
        take(handle)
        lock = FolderLock(folder, handle)
        lock.settle()
        yield lock
    finally:
        os.close(handle)  # which releases the lock


def settle(folder: Path) -> None:
    """Cut off what a killed process has left of an append; where nothing is noted, lock nothing.

    It waits for an append that is in hand. A folder that may not be written to stays as it is.
    """
    with contextlib.suppress(OSError):
        handle = os.open(folder / NAME, os.O_RDONLY | _BINARY)
        try:
            noted = _unpacked(_read(handle)) is not None
        finally:
            os.close(handle)
        if noted:
            with locked(folder):
                pass


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


def _read(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, NOTE_BYTES)


def _packed(path: Path, start: int, length: int) -> bytes:
    name = os.fsencode(path.name)
    rest = _NOTE.pack(0, _inode(path.stat()), start, length, len(name))[_AFTER_SUM:] + name
    rest += bytes(NOTE_BYTES - _AFTER_SUM - len(rest))
    return struct.pack("<I", zlib.crc32(rest)) + rest


def _unpacked(note: bytes) -> tuple[str, int, int, int] | None:
    """Name, inode, start and length; None where there is no note."""
    if len(note) < NOTE_BYTES or not any(note):
        return None
    crc, inode, start, length, count = _NOTE.unpack_from(note)
    if zlib.crc32(note[_AFTER_SUM:]) != crc:
        return None
    return os.fsdecode(note[_NOTE.size : _NOTE.size + count]), inode, start, length


def _inode(status: os.stat_result) -> int:
    return status.st_ino % 2**64


def _cut(folder: Path, name: str, inode: int, start: int, length: int) -> None:
    """Cut a file back to `start`, where it is the one of the note and lacks the append's end."""
    path = folder / name
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        if _inode(status) == inode and start < status.st_size < start + length:
            os.truncate(path, start)


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

    def share(handle: int) -> None:
        """Nothing, for the same reason."""

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

    def share(handle: int) -> None:
        """Take the lock of an open file beside others who share it. Raises OSError."""
        fcntl.flock(handle, fcntl.LOCK_SH)
