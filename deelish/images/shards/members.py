"""The bytes of an image that is a member of a shard, a tar file: read at their place in it."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from deelish.errors import DataError, reason
from deelish.images.open_file import OpenFile

MOST_OPEN = 64

Facts = tuple[int, int, bool, int, int]


class OpenShards:
    """Shards that stay open, so many at most: the one used longest ago is closed first."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._files: OrderedDict[str, OpenFile] = OrderedDict()

    def get(self, path: str) -> OpenFile:
        """The file, opened where it is not open. Raises OSError."""
        with self._lock:
            file = self._files.get(path)
            if file is not None:
                self._files.move_to_end(path)
                return file
        # Not under the lock, as to open a file of a server takes long; of two threads the first
        # counts. A file that goes here closes when no thread reads it any more.
        opened = OpenFile(path)
        with self._lock:
            file = self._files.setdefault(path, opened)
            self._files.move_to_end(path)
            while len(self._files) > self._most:
                self._files.popitem(last=False)
        return file


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar file as it was when its index was made.

    path: as the user wrote it, with its ranges filled in.  facts: what tells whether it is another
    one now.
    """

    path: str
    facts: Facts
    files: OpenShards = field(compare=False, repr=False)

    @classmethod
    def of(cls, path: str, status: os.stat_result, files: OpenShards) -> Shard:
        """The shard that the system says this of."""
        return cls(path, _facts(status), files)

    def is_still(self, status: os.stat_result) -> bool:
        """Whether a file that was opened by its path is the one that was indexed, and there."""
        # A new permission changes the last fact too, and file systems of users make new numbers.
        return _facts(status)[:3] == self.facts[:3]


class Member(NamedTuple):
    """An image in a shard: `size` bytes from `start` on. Its name has no `.` and no double `/`."""

    shard: Shard
    name: str
    start: int
    size: int

    @property
    def path(self) -> Path:
        """The shard's path with the name below it, which no other image has."""
        return Path(f"{self.shard.path}/{self.name}")

    @property
    def where(self) -> str:
        """`data-003.tar member 0001.jpg`."""
        return f"{self.shard.path} member {self.name}"

    def facts(self) -> tuple[object, ...]:
        """What its bytes hang on; nothing is read for it."""
        path = os.path.abspath(self.shard.path)  # noqa: PTH100
        return (path, *self.shard.facts, self.start, self.size)

    def read(self) -> bytes:
        """Its bytes. Raises DataError where the shard is another one than that of the index."""
        try:
            file = self.shard.files.get(self.shard.path)
            data = file.read(self.start, self.size)
            # After the reading, so that a change before it is seen.
            unchanged = self.shard.is_still(file.status())
        except OSError as error:
            raise DataError(
                f"{self.where}: the shard cannot be read any more ({reason(error)}); put it back"
                " as it was, or start again"
            ) from error
        if not unchanged or len(data) != self.size:
            raise DataError(
                f"{self.where}: the shard was changed, replaced or removed since InputBatch read"
                " its index; start again"
            )
        return data


def _facts(status: os.stat_result) -> Facts:
    """Size, time of the last writing, whether it has a name; number on the disk, last change."""
    named = status.st_nlink > 0
    return status.st_size, status.st_mtime_ns, named, status.st_ino, status.st_ctime_ns
