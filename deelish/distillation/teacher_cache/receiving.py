"""Receives an archive of cached logits: all of its files are checked before one is visible."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deelish.common.json_text import MOST_CHARACTERS
from deelish.common.printing import amount
from deelish.distillation.teacher_cache.folder import state_of
from deelish.distillation.teacher_cache.manifest import MANIFEST, Entry, Summing, foreign, listed
from deelish.errors import DataError, FileError, MissingFileError, first_line
from deelish.images.shards.tar_headers import headers
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.lock import changing, locked

_STAGING = ".receiving"
_PIECE = 1 << 22


@dataclass(frozen=True)
class Received:
    """What an archive brought.

    new: the files that came.  there: those that were there before, with the same bytes.
    """

    new: Sequence[Entry]
    there: Sequence[Entry]


def receive(archive: Path, folder: Path) -> Received:
    """Take the files of an archive into the folder of the cache: all of them, or none.

    Nothing is visible there before everything was checked. What is there with the same bytes stays.

    Raises:
        FileError: it is no such archive, it is cut off or changed, the folder has another file of
            one of its names, or cannot be written.
    """
    try:
        with _opened(archive) as file:
            found = _entries(archive, file)
            there = [entry for entry, _ in found if _is_there(folder / entry.name, entry)]
            new = [(entry, start) for entry, start in found if entry not in there]
            if new:
                _take(archive, file, new, folder)
            return Received([entry for entry, _ in new], there)
    except DataError as error:  # of the headers of a tar
        raise FileError(str(error)) from None


def _opened(archive: Path) -> IO[bytes]:
    if not archive.exists():
        raise MissingFileError(f"{archive}: there is no such archive; correct the path")
    if not archive.is_file():
        raise FileError(f"{archive}: is no ordinary file; name an archive of `deelish cache ship`")
    try:
        return archive.open("rb", buffering=0)
    except OSError as error:
        raise FileError(f"{archive}: cannot be read ({error.strerror}); make it readable") from None


def _entries(archive: Path, file: IO[bytes]) -> list[tuple[Entry, int]]:
    """The files of an archive with the offsets of their bytes, from a tar that is whole."""
    members = headers(str(archive), file)
    first = next(members, None)
    if first is None or first.name != MANIFEST or not _is_plain(first):
        raise FileError(f"{archive}: is no archive of `deelish cache ship`; name one")
    if first.size > MOST_CHARACTERS:
        raise foreign(archive, f"{MANIFEST} has {first.size:,} bytes")
    file.seek(first.offset_data)
    expected = listed(archive, file.read(first.size))
    found: list[tuple[Entry, int]] = []
    for member in members:
        entry = expected[len(found)] if len(found) < len(expected) else None
        if (
            entry is None
            or (member.name, member.size) != (entry.name, entry.bytes)
            or not _is_plain(member)
        ):
            raise foreign(archive, f"its member {member.name[:99]!r} is not the one expected")
        found.append((entry, member.offset_data))
    if len(found) < len(expected):
        raise foreign(archive, f"{expected[len(found)].name} is missing")
    return found


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()


def _is_there(path: Path, entry: Entry) -> bool:
    """Whether the cache has a file already. Raises FileError where it has another of its name."""
    if not os.path.lexists(path):
        return False
    if path.is_file() and path.stat().st_size == entry.bytes:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == entry.sum:
                return True
    raise FileError(
        f"{path}: is there already, with other logits than in the archive; nothing was received;"
        f" clear it with `deelish cache clear {path.name}`, or name another folder in"
        f" {FOLDER_VARIABLE}"
    )


def _take(archive: Path, file: IO[bytes], new: Sequence[tuple[Entry, int]], folder: Path) -> None:
    """Copy and check the files beside the cache, then give all of them their places."""
    staging = folder / _STAGING
    with _writing(staging, sum(entry.bytes for entry, _ in new)):
        staging.mkdir(parents=True, exist_ok=True)
        # One at a time: what a killed process has left is removed.
        with locked(staging), contextlib.ExitStack() as after:
            after.callback(_empty, staging)
            _empty(staging)
            for entry, start in new:
                _copy(archive, file, start, entry, staging / entry.name)
            with changing(folder / new[0][0].name, "received"):
                for entry, _ in new:
                    _is_there(folder / entry.name, entry)
                for entry, _ in new:
                    (staging / entry.name).replace(folder / entry.name)


def _copy(archive: Path, file: IO[bytes], start: int, entry: Entry, path: Path) -> None:
    """Copy the bytes of one file, and check them and what they say of themselves."""
    file.seek(start)
    left, summing = entry.bytes, Summing(file)
    with path.open("xb") as out:
        while left and (data := summing.read(min(left, _PIECE))):
            out.write(data)
            left -= len(data)
        out.flush()
        os.fsync(out.fileno())
    padding = file.read(-entry.bytes % tarfile.BLOCKSIZE)
    if left or summing.sum.hexdigest() != entry.sum or padding.strip(b"\0"):
        raise FileError(
            f"{archive}: {entry.name} is damaged, its sha256 sum is another one; copy it again"
        )
    state = state_of(path)
    if state.header is None or state.header.file != entry.name:
        raise foreign(archive, f"{entry.name} is not what its name says")


def _empty(staging: Path) -> None:
    for path in staging.iterdir():
        if path.name != "lock":
            path.unlink()


@contextlib.contextmanager
def _writing(folder: Path, needed: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError):
            raise
        free = "an unknown amount"
        with contextlib.suppress(OSError):
            free = amount(shutil.disk_usage(folder.parent).free)
        raise FileError(
            f"{folder.parent}: cannot be written ({error.strerror or first_line(error)}); the"
            f" archive takes {amount(needed)} and {free} are free; make room, or name another"
            f" folder in {FOLDER_VARIABLE}"
        ) from None
