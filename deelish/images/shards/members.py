"""An image that is a member of a shard, a tar file: its bytes, read at their offset."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from deelish.errors import DataError, reason
from deelish.images.open_file import OpenFile
from deelish.storage.remote.copies import Copies

MOST_OPEN = 64

Facts = tuple[int, int, bool, int, int]


class OpenShards:
    """Shards that stay open, at most so many: the least recently used is closed first.

    Args:
        copies: those of shards that are remote files.
    """

    def __init__(self, most: int = MOST_OPEN, copies: Copies | None = None) -> None:
        self._most, self._copies = most, copies
        self._lock = threading.Lock()
        self._files: OrderedDict[str, OpenFile] = OrderedDict()

    def get(self, path: str) -> OpenFile:
        """The file, opened where it is not open. Raises OSError."""
        with self._lock:
            file = self._files.get(path)
            if file is not None:
                self._files.move_to_end(path)
                return file
        # Not under the lock, as opening a file on a server takes long. If two threads open it, the
        # first one counts. A file that is dropped here closes when no thread reads it any more.
        opened = OpenFile(self.on_disk(path))
        with self._lock:
            file = self._files.setdefault(path, opened)
            self._files.move_to_end(path)
            while len(self._files) > self._most:
                self._files.popitem(last=False)
        return file

    def on_disk(self, path: str) -> str | Path:
        """Where the bytes of a shard are: at its path, or in its copy."""
        return path if self._copies is None else self._copies.path(path)

    def has_changed(self, path: str) -> bool:
        """Whether a remote shard is another one on its server by now."""
        return self._copies is not None and self._copies.has_changed(path)


@dataclass(frozen=True, slots=True)
class Shard:
    """A tar file as it was when its index was made.

    path: as the user wrote it, with its ranges filled in.  facts: they show whether the file has
    been changed or replaced since.
    """

    path: str
    facts: Facts
    files: OpenShards = field(compare=False, repr=False)

    @classmethod
    def of(cls, path: str, status: os.stat_result, files: OpenShards) -> Shard:
        """The shard of a path, with the status of its open file."""
        return cls(path, _facts(status), files)

    def is_still(self, status: os.stat_result) -> bool:
        """Whether an open file of its path is the one that was indexed, and was not removed."""
        # Not the last two: FUSE file systems change the inode, and a new permission the last time.
        return _facts(status)[:3] == self.facts[:3] and not self.files.has_changed(self.path)


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
        """What its bytes depend on; nothing is read for it."""
        path = os.path.abspath(self.shard.files.on_disk(self.shard.path))  # noqa: PTH100
        return (path, *self.shard.facts, self.start, self.size)

    def read(self) -> bytes:
        """Its bytes. Raises DataError where the shard is not the one that was indexed."""
        try:
            file = self.shard.files.get(self.shard.path)
            data = file.read(self.start, self.size)
            # After the read, so that a change before it is noticed.
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
    """Size, time of the last write, whether it still has a name; inode, time of the last change."""
    named = status.st_nlink > 0
    return status.st_size, status.st_mtime_ns, named, status.st_ino, status.st_ctime_ns
