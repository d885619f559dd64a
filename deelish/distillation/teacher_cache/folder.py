"""The folder of kept answers: what lies there, whether it is sound, and what is removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.distillation.teacher_cache.header import ENDING, Header
from deelish.errors import FileError
from deelish.storage.atomic import replacing
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.lock import locked
from deelish.storage.records import Bytes, RecordMap, sound

# Records are checked in parts of about this size.
PART_BYTES = 1 << 24


@dataclass(frozen=True)
class Kept:
    """A file of answers.

    header: None where it cannot be used; `fault` says why.  answers: how many.  bytes: its size.
    used: seconds of the epoch when a session opened it, or put answers in.
    """

    path: Path
    header: Header | None
    fault: str
    answers: int
    bytes: int
    used: float

    @property
    def name(self) -> str:
        """The teacher's name, or the file's where it does not say."""
        return self.header.teacher if self.header is not None else self.path.name


def kept_files(folder: Path, names: Sequence[str] = ()) -> list[Kept]:
    """The files of answers in the folder, by name.

    Args:
        names: only these: the name of a teacher, or how the name of a file begins.

    Raises:
        FileError: the folder cannot be read, or nothing there has one of the names.
    """
    try:
        entries = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise FileError(
            f"{folder}: cannot be read ({error.strerror}); name the folder of kept answers in"
            f" {FOLDER_VARIABLE}"
        ) from error
    found = [_kept(p) for p in entries if p.suffix == ENDING and not p.name.startswith(".")]
    if not names:
        return found
    for name in names:
        if not any(_is_named(kept, name) for kept in found):
            raise FileError(
                f"{folder}: holds no answers of {name!r}; `deelish cache list` shows what is there"
            )
    return [kept for kept in found if any(_is_named(kept, name) for name in names)]


def count_damaged(kept: Kept) -> int:
    """How many of its records have a wrong sum."""
    return sum(
        int((~sound(part)).sum()) for part in _parts(RecordMap(kept.path, Header.from_bytes))
    )


def drop_damaged(kept: Kept) -> None:
    """Write the file again, without its damaged records; whole or not at all.

    Raises:
        FileError: the folder is read-only, or the disk is full.
    """
    try:
        with locked(kept.path.parent), replacing(kept.path) as temporary:
            mapped = RecordMap(kept.path, Header.from_bytes)
            with temporary.open("wb") as file:
                file.write(mapped.header.to_bytes())
                for part in _parts(mapped):
                    file.write(part[sound(part)].tobytes())
    except OSError as error:
        raise FileError(f"{kept.path}: cannot be repaired ({error.strerror})") from error


def remove(kept: Kept) -> None:
    """Remove the file. A training that uses it goes on, and makes another.

    Raises:
        FileError: the folder is read-only, or on Windows a process has the file open.
    """
    try:
        with locked(kept.path.parent):
            kept.path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{kept.path}: cannot be removed ({error.strerror})") from error


def _parts(mapped: RecordMap[Header]) -> Iterator[Bytes]:
    step = max(1, PART_BYTES // mapped.record)
    for start in range(0, mapped.count, step):
        yield np.asarray(mapped.rows[start : start + step])


def _kept(path: Path) -> Kept:
    facts = (0, 0.0)
    try:
        status = path.stat()
        facts = (status.st_size, status.st_mtime)
        mapped = RecordMap(path, Header.from_bytes)
    except FileError as error:
        return Kept(path, None, str(error), 0, *facts)
    except OSError as error:
        return Kept(path, None, f"{path}: cannot be read ({error.strerror})", 0, *facts)
    return Kept(path, mapped.header, "", mapped.count, *facts)


def _is_named(kept: Kept, name: str) -> bool:
    return kept.name == name or kept.path.name.startswith(name)
