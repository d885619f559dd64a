"""A record file that several processes read and extend: found by key, appended under the lock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from deelish.errors import FileError
from deelish.storage.atomic import write_file
from deelish.storage.index import Index, Keys
from deelish.storage.lock import FolderLock, locked, settle
from deelish.storage.records import (
    Bytes,
    H,
    RecordMap,
    append,
    keys_of,
    make_records,
    payloads_of,
    sound,
)

Positions = NDArray[np.int64]

NOTHING: Bytes = np.empty((0, 0), np.uint8)


class RecordFile(Generic[H]):
    """The records of a file by key; notices when another process appends, replaces or removes it.

    A damaged file, or one of another format, is reported in one line; the next `writing` rebuilds
    it. A file that cannot be read raises OSError and is never replaced. Use it from one thread.

    Args:
        path: the file; it is made by the first `writing`.
        read: the header from the front of the file; FileError where the file cannot be used.
        begin: the front of a new file; the lock is held.
        report: prints a line.

    Attributes:
        damaged: whether a record that was looked up had a wrong checksum.

    Raises:
        OSError: the file is there and cannot be read; from any method that looks at it.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[bytes, Path], H],
        begin: Callable[[], bytes],
        report: Callable[[str], None],
    ) -> None:
        self.path, self.damaged = path, False
        self._read, self._begin, self._report = read, begin, report
        self._map: RecordMap[H] | None = None
        self._index = Index()
        self._lock: FolderLock | None = None

    @property
    def header(self) -> H | None:
        """What the file says of itself; None where it is missing or cannot be used."""
        return None if self._map is None else self._map.header

    @property
    def count(self) -> int:
        """How many records are there, as far as this process has looked."""
        return 0 if self._map is None else self._map.count

    def follow(self, *, grown: bool = True) -> bool:
        """Look whether the file is another one or (`grown`) has more records; whether keys came."""
        try:
            status = self.path.stat()
            if self._map is not None and self._map.is_of(status):
                if not grown or self._map.whole(status.st_size) == self._index.count:
                    return False
                self._map.extend()
            else:
                # Another process cleared, repaired or rebuilt it, or this is the first look.
                self.close()
                self._open()
            if self._map is not None:
                self._index.add(keys_of(self._map.rows[self._index.count :]))
            return True
        except FileNotFoundError:
            self.close()
        except OSError:
            self.close()
            raise
        except FileError as error:
            self._report(f"{error}; it is rebuilt")
        return False

    def find(self, keys: Keys) -> tuple[Positions, Bytes]:
        """The indices of the keys uint8 (n, 16) that are there, and their payloads.

        The file is looked at again where a key is missing, so that what another process has
        appended is found.
        """
        self.follow(grown=False)
        rows = self._index.find(keys)
        if (rows < 0).any() and self.follow():
            rows = self._index.find(keys)
        return self._records(keys, rows)

    def known(self, keys: Keys) -> tuple[Positions, Bytes]:
        """The same as `find`, as far as this process has looked."""
        return self._records(keys, self._index.find(keys))

    @contextlib.contextmanager
    def writing(self) -> Iterator[bool]:
        """Hold the folder's lock, with the file made where there is none; whether it was made.

        Raises:
            OSError, FileError: the folder or the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.parent) as lock, self._holding(lock):
            self.follow()
            made = self._map is None
            if made:
                write_file(self.path, self._begin())
                self.follow()
            yield made

    def add(self, keys: Keys, payloads: Bytes) -> None:
        """Append the records that are not there, inside `writing`; of equal keys the first."""
        there, _ = self.known(keys)
        known = {key.tobytes() for key in keys[there]}
        first = {key.tobytes(): row for row, key in reversed(list(enumerate(keys)))}
        new = sorted(row for key, row in first.items() if key not in known)
        if new:
            self.append(keys[new], payloads[new])

    def append(self, keys: Keys, payloads: Bytes) -> None:
        """Append these records, inside `writing`; they count before older ones of equal keys."""
        if self._map is None or self._lock is None:  # somebody removed it by hand just now
            return
        append(self._lock, self.path, make_records(keys, payloads), self._map.count)
        self.follow()

    def close(self) -> None:
        """Give the file back. The next look opens it again."""
        self._map, self._index = None, Index()

    @contextlib.contextmanager
    def _holding(self, lock: FolderLock) -> Iterator[None]:
        self._lock = lock
        try:
            yield
        finally:
            self._lock = None

    def _open(self) -> None:
        if self._lock is None:
            # Part of a batch would be taken for its records: the rest of them would be computed in
            # a batch of another size, and round differently.
            settle(self.path.parent)
        self._map = RecordMap(self.path, self._read)
        with contextlib.suppress(OSError):
            os.utime(self.path)  # `deelish cache list` shows when it was last used

    def _records(self, keys: Keys, rows: NDArray[np.int64]) -> tuple[Positions, Bytes]:
        """Of the rows that the index gave: those that are intact and have the whole key."""
        positions = np.flatnonzero(rows >= 0)
        if self._map is None or not len(positions):
            return positions[:0], NOTHING
        records = self._map.rows[rows[positions]]
        right = sound(records)
        self.damaged |= not right.all()
        right &= (keys_of(records) == keys[positions]).all(1)
        return positions[right], payloads_of(records)[right]
