"""The segments of a teacher cache: parts of a pass over a list, and files that parts became."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.shared import SharedSegments
from deelish.errors import DataError, FileError
from deelish.storage.front import Front
from deelish.storage.index import Keys
from deelish.storage.records import Bytes
from deelish.storage.segment import Segment, Sorted, write_segment

FRONT = Front(b"\x93DEELSEG", 1, "cached logits in a segment")
EXTENSION = ".segment"
# A command longer than this is not in the front, which has 4096 bytes.
MOST_COMMAND = 2000


@dataclass(frozen=True)
class Part:
    """One of the parts of a pass.

    number, count: it is the `number`th of `count`.  task: a digest of what the pass is.
    command: the command that made it, without its number; "" where a script did.
    """

    number: int
    count: int
    task: str
    command: str


@dataclass(frozen=True)
class SegmentHeader:
    """What a segment says of itself.

    of: the teacher and the form of its logits.  count: how many records it has.  sum: the crc32 of
    their hashes.  part: which part of a pass it is; None of a file that parts became.
    tasks: of such a file, the passes that it has.
    """

    of: CacheHeader
    count: int = 0
    sum: int = 0
    part: Part | None = None
    tasks: tuple[str, ...] = ()

    @property
    def payload_bytes(self) -> int:
        """How many bytes of a row are the logits."""
        return self.of.payload_bytes

    @property
    def file(self) -> str:
        """The name of the file, which follows from what it holds."""
        if self.part is None:
            return f"{self.of.stem}{EXTENSION}"
        digits = len(str(self.part.count))
        number = f"{self.part.number:0{digits}}-of-{self.part.count}"
        return f"{self.of.stem}-{self.part.task[:8]}-{number}{EXTENSION}"

    def to_bytes(self) -> bytes:
        """The 4096 bytes."""
        part = None if self.part is None else vars(self.part)
        facts = {"count": self.count, "sum": self.sum, "part": part, "tasks": self.tasks}
        return FRONT.to_bytes({**self.of.values(), **facts})

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> SegmentHeader:
        """The header that `data` begins with.

        Raises:
            FileError: it is none, is damaged, or is of another format version.
        """
        values = FRONT.read(data, path)
        try:
            part = None if values["part"] is None else _part_of(values["part"])
            numbers = int(values["count"]), int(values["sum"])
            if min(numbers) < 0:
                raise ValueError
            tasks = tuple(map(str, values["tasks"]))
            return cls(CacheHeader.from_values(values), *numbers, part, tasks)
        except (KeyError, TypeError, ValueError, DataError):
            raise FRONT.foreign(path) from None


def _part_of(values: Mapping[str, Any]) -> Part:
    number, count = int(values["number"]), int(values["count"])
    if not 1 <= number <= count:
        raise ValueError
    return Part(number, count, str(values["task"]), str(values["command"]))


def task_of(facts: Mapping[str, Any]) -> str:
    """A digest of what a pass is: plain values for JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def opened(path: Path) -> Segment[SegmentHeader]:
    """A segment, mapped.

    Raises:
        OSError, FileError: as `Segment`.
    """
    return Segment(path, SegmentHeader.from_bytes)


def write(header: SegmentHeader, folder: Path, sources: Sequence[Sorted]) -> Path:
    """Write the records of sources as the segment of this header, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    path = folder / header.file

    def front(count: int, check: int) -> bytes:
        return SegmentHeader(header.of, count, check, header.part, header.tasks).to_bytes()

    write_segment(path, sources, header.payload_bytes, front)
    return path


@dataclass
class Segments:
    """All segments of one teacher and form in a folder, and of the shared ones.

    Follows those that come and go.

    folder: where they are.  header: the teacher and form.  report: prints a line.
    """

    folder: Path
    header: CacheHeader
    report: Callable[[str], None]
    _open: dict[Path, Segment[SegmentHeader]] = field(default_factory=dict)
    _seen: tuple[int, list[Path]] | None = None

    def __post_init__(self) -> None:
        self._shared = SharedSegments(self.header.stem, EXTENSION, self.report)

    def __len__(self) -> int:
        """How many records they have; those of equal keys count more than once."""
        return sum(segment.count for segment in self._open.values())

    @property
    def damaged(self) -> list[Path]:
        """Those in which a record that was looked up was damaged."""
        return [path for path, segment in self._open.items() if segment.damaged]

    def find(self, keys: Keys) -> tuple[NDArray[np.int64], Bytes]:
        """The indices of the keys uint8 (n, 16) that are there and intact, and their payloads."""
        self.follow()
        left = np.arange(len(keys))
        found, payloads = [left[:0]], [np.empty((0, self.header.payload_bytes), np.uint8)]
        for segment in self._open.values():
            if not len(left):
                break
            positions, rows = segment.find(keys[left])
            found.append(left[positions])
            payloads.append(rows)
            left = np.delete(left, positions)
        return np.concatenate(found), np.concatenate(payloads)

    def holding(self, part: Part) -> Path | None:
        """The segment that has a part: its own, or one that parts became; None where none has."""
        self.follow()
        for path, segment in self._open.items():
            own = segment.header.part
            if part.task in segment.header.tasks:
                return path
            if own is not None and (own.task, own.number) == (part.task, part.number):
                return path
        return None

    def follow(self) -> None:
        """Open the segments that came, and give those back that went."""
        try:
            # Every file that comes or goes changes it.
            changed = self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed = -1
        shared = self._shared.paths(self.folder)
        if (changed, shared) == self._seen:
            return
        self._seen = changed, shared
        own = sorted(self.folder.glob(f"{glob.escape(self.header.stem)}*{EXTENSION}"))
        paths = [*own, *shared]
        self._open = {path: segment for path in paths if (segment := self._usable(path))}

    def close(self) -> None:
        """Give the files back. The next look opens them again."""
        self._open, self._seen = {}, None

    def _usable(self, path: Path) -> Segment[SegmentHeader] | None:
        """A segment, which stays open; None where the file cannot be used."""
        try:
            known = self._open.get(path)
            if known is not None and known.is_of(path.stat()):
                return known
            segment = opened(path)
        except FileError as error:
            self.report(f"{error}; it is not used")
            return None
        except FileNotFoundError:
            return None
        return segment if segment.header.of.same(self.header) else None
