"""The records of a file after its front: their bytes, and the file mapped to read."""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from deelish.storage.front import SIZE
from deelish.storage.index import KEY_BYTES, Keys
from deelish.storage.lock import FolderLock

Bytes = NDArray[np.uint8]

# A record begins with its checksum and its key.
SUM_BYTES = 4
PREFIX_BYTES = SUM_BYTES + KEY_BYTES


class HasRecords(Protocol):
    """The header of a record file: what the file says of itself."""

    @property
    def payload_bytes(self) -> int:
        """How many bytes a record has after its checksum and key."""


H = TypeVar("H", bound=HasRecords)


def make_records(keys: Keys, payloads: Bytes) -> Bytes:
    """Records uint8 (n, 20 + any): crc32 of the rest (little endian), key, payload."""
    records = np.empty((len(keys), PREFIX_BYTES + payloads.shape[1]), np.uint8)
    records[:, SUM_BYTES:PREFIX_BYTES] = keys
    records[:, PREFIX_BYTES:] = payloads
    records[:, :SUM_BYTES] = _sums(records).view(np.uint8).reshape(-1, SUM_BYTES)
    return records


def keys_of(records: Bytes) -> Keys:
    """Their keys uint8 (n, 16)."""
    return records[:, SUM_BYTES:PREFIX_BYTES]


def payloads_of(records: Bytes) -> Bytes:
    """Their payloads uint8 (n, any)."""
    return records[:, PREFIX_BYTES:]


def sound(records: Bytes) -> NDArray[np.bool_]:
    """Which of them (n,) have the right checksum."""
    stored = np.ascontiguousarray(records[:, :SUM_BYTES]).view("<u4")[:, 0]
    right: NDArray[np.bool_] = np.equal(stored, _sums(records))
    return right


def _sums(records: Bytes) -> NDArray[np.uint32]:
    crc = zlib.crc32
    return np.fromiter((crc(row) for row in records[:, SUM_BYTES:]), "<u4", len(records))


class RecordMap(Generic[H]):
    """The whole records of a file, mapped: a torn tail is never part of them.

    Attributes:
        header: what the file says of itself.
        record: the bytes of a record.
        rows: uint8 (count, bytes a record), read from the disk when they are looked at.

    Raises:
        OSError: the file is missing or cannot be read.
        FileError: its front is damaged, or of another format; from `read`.
    """

    def __init__(self, path: Path, read: Callable[[bytes, Path], H]) -> None:
        self._path = path
        with path.open("rb") as file:
            self.header = read(file.read(SIZE), path)
            self._status = os.fstat(file.fileno())
        self.record = PREFIX_BYTES + self.header.payload_bytes
        self.rows: Bytes = np.empty((0, self.record), np.uint8)
        self.extend()

    @property
    def count(self) -> int:
        """How many records are mapped."""
        return len(self.rows)

    def whole(self, size: int) -> int:
        """How many whole records a file of `size` bytes holds."""
        return max(0, size - SIZE) // self.record

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file of this status is the one mapped, and still holds what is mapped."""
        same = os.path.samestat(self._status, status)
        return same and self.whole(status.st_size) >= self.count

    def extend(self) -> None:
        """Map what was appended since."""
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())
            count = self.whole(status.st_size)
            if self.is_of(status) and count > self.count:
                length = SIZE + count * self.record
                mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ)
                rows = np.frombuffer(mapped, np.uint8, count * self.record, SIZE)
                self.rows = rows.reshape(count, self.record)


def append(lock: FolderLock, path: Path, records: Bytes, count: int) -> None:
    """Write records after the first `count`, over a tail that a killed writer may have left.

    All of them are there afterwards, or none; also where this process is killed meanwhile.

    Raises:
        OSError: they could not be written.
    """
    start = SIZE + count * records.shape[1]
    with lock.appending(path, start, records.size):
        write_at(path, start, records.tobytes())


def write_at(path: Path, start: int, data: bytes) -> None:
    """Write bytes from `start` on, all of them or none.

    Raises:
        OSError: not all of it could be written.
    """
    left = memoryview(data)
    handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.lseek(handle, start, os.SEEK_SET)
        while left:
            # One write as a rule; a short one is followed by another, which says why.
            left = left[os.write(handle, left) :]
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, start)
        raise
    finally:
        os.close(handle)
