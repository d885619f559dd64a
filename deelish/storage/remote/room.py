"""How much room copies of remote files may take, and which of them go first.

What is read together, such as the shards of a dataset, is one *use*: a small file that names its
copies, locked for as long as a process reads them. Its time is that of the last reading. A copy
that a running process reads never goes, as its training would fetch it again for each image.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deelish.common.printing import amount
from deelish.errors import DataError, FileError
from deelish.storage.atomic import write_file
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder
from deelish.storage.lock import changing, share, try_to_take
from deelish.storage.staged import DAY

ROOM_VARIABLE = "DEELISH_REMOTE_ROOM"
FOLDER, USES, EXTENSION = "remote", "uses", ".use"
_ROOM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([kMGT]?)B?")
_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_COPY = re.compile(r"[0-9a-f]{40}(\.[A-Za-z0-9]{1,8})?")


def remote_folder() -> Path:
    """The folder of the copies, in that of the caches."""
    return cache_folder() / FOLDER


def place_of(folder: Path, copy: str) -> Path:
    """Where a copy is. In one folder, a million names would be slow to look through."""
    return folder / copy[:2] / copy


@dataclass(frozen=True)
class Use:
    """Files that are read together.

    path: its file.  title: what they are, in words.  copies: bytes by the name of the copy.
    used: when they were read last, in seconds of the epoch.  live: whether a process reads them.
    """

    path: Path
    title: str
    copies: Mapping[str, int]
    used: float
    live: bool

    @property
    def bytes(self) -> int:
        """What all of its copies take."""
        return sum(self.copies.values())


class Hold:
    """Keeps copies from being removed while it is there, and this process runs.

    Raises:
        OSError, FileError: its file cannot be written.
    """

    def __init__(self, folder: Path, title: str, copies: Mapping[str, int]) -> None:
        lines = [title, *(f"{copies[copy]} {copy}" for copy in sorted(copies))]
        text = "\n".join(lines).encode("utf-8", "replace")
        path = folder / USES / f"{hashlib.sha256(text).hexdigest()[:40]}{EXTENSION}"
        if path.exists():
            os.utime(path)
        else:
            write_file(path, text)
        handle = os.open(path, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, handle)
        with contextlib.suppress(OSError):  # without locks, its time says that it is in use
            share(handle)

    def release(self) -> None:
        """Keep them no longer."""
        self._close()


def uses_in(folder: Path) -> list[Use]:
    """What is and was read, the longest unread first. Hold the lock of the folder.

    Raises:
        OSError: the folder cannot be read.
    """
    found = []
    for path in (folder / USES).glob(f"*{EXTENSION}"):
        with contextlib.suppress(FileNotFoundError):
            found.append(_use_of(path))
    return sorted(found, key=lambda use: use.used)


def make_room(folder: Path, title: str) -> None:
    """Remove copies that nobody reads, until all that are held have room. Hold the folder's lock.

    Raises:
        FileError: those that are held have more than the room.
        OSError: the folder cannot be read.
    """
    uses, there = uses_in(folder), dict(_copies_in(folder))
    held = {copy: size for use in uses if use.live for copy, size in use.copies.items()}
    taken = sum(there.values())
    room, needed = _room(folder, taken), sum(held.values())
    missing = sum(size for copy, size in held.items() if copy not in there)
    if needed > room:
        raise FileError(
            f"{title}: with these, {amount(needed)} of remote files are in use, and their copies in"
            f" {folder} may take {amount(room)}; give them more in {ROOM_VARIABLE}, or name a"
            f" folder on a larger disk in {FOLDER_VARIABLE}"
        )
    in_no_use = there.keys() - {copy for use in uses for copy in use.copies}
    dead = [(use.path, use.copies) for use in uses if not use.live]
    for path, copies in [(None, dict.fromkeys(in_no_use, 0)), *dead]:
        if taken + missing <= room:
            return
        for copy in (there.keys() & set(copies)) - held.keys():
            if taken + missing <= room:
                return
            place_of(folder, copy).unlink(missing_ok=True)
            taken -= there.pop(copy)
        if path is not None:
            path.unlink(missing_ok=True)


def copied_uses() -> list[Use]:
    """What is and was read, as `deelish cache` shows it.

    Raises:
        FileError: the folder cannot be read.
    """
    folder = remote_folder()
    if not folder.is_dir():
        return []
    with changing(folder / USES, "read"):
        there = dict(_copies_in(folder))
        return [
            replace(use, copies={copy: there[copy] for copy in use.copies.keys() & there.keys()})
            for use in uses_in(folder)
        ]


def remove_use(use: Use) -> int:
    """Remove a use and those of its copies that no other has; their bytes.

    Raises:
        FileError: one cannot be removed.
    """
    folder, freed = remote_folder(), 0
    with changing(folder / USES, "changed"):
        others = {copy for each in uses_in(folder) if each.path != use.path for copy in each.copies}
        for copy, size in _copies_in(folder):
            if copy in use.copies and copy not in others:
                place_of(folder, copy).unlink(missing_ok=True)
                freed += size
        use.path.unlink(missing_ok=True)
    return freed


def _use_of(path: Path) -> Use:
    """Raises FileNotFoundError."""
    used = path.stat().st_mtime
    handle = os.open(path, os.O_RDONLY)
    try:
        is_free = try_to_take(handle)
    finally:
        os.close(handle)
    live = is_free is False or (is_free is None and time.time() - used < DAY)
    title, *lines = path.read_text("utf-8", "replace").split("\n")
    pairs = [line.partition(" ") for line in lines]
    copies = {copy: int(size) for size, _, copy in pairs if size.isdecimal() and _is_copy(copy)}
    return Use(path, title, copies, used, live)


def _copies_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and bytes of each copy."""
    with os.scandir(folder) as folders:
        inner = [each.path for each in folders if len(each.name) == 2 and each.is_dir()]
    for each in inner:
        with os.scandir(each) as entries:
            yield from ((e.name, e.stat().st_size) for e in entries if _is_copy(e.name))


def _is_copy(name: str) -> bool:
    return _COPY.fullmatch(name) is not None


def _room(folder: Path, taken: int) -> int:
    """How many bytes all copies may take: as the user says, else half of what the disk has."""
    text = os.environ.get(ROOM_VARIABLE, "")
    if not text:
        return (shutil.disk_usage(folder).free + taken) // 2
    found = _ROOM.fullmatch(text.strip())
    if found is None:
        raise DataError(f"{ROOM_VARIABLE}={text!r}: give bytes, such as 500 GB")
    return int(float(found[1]) * _UNITS[found[2]])
