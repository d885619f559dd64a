"""The files of a teacher cache in a folder: which there are, their damage, repair and removal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deelish.distillation.teacher_cache.header import EXTENSION, CacheHeader
from deelish.errors import FileError
from deelish.storage.atomic import replacing
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.front import SIZE
from deelish.storage.lock import changing
from deelish.storage.records import Bytes, RecordMap, sound
from deelish.storage.state import FileState, file_state

# Records are checked in parts of about this size.
PART_BYTES = 1 << 24

LogitsFile = FileState[CacheHeader]


def teacher_of(file: LogitsFile) -> str:
    """The teacher's name, or the file's where it does not say."""
    return file.path.name if file.header is None else file.header.teacher


def noun_of(file: LogitsFile) -> str:
    """What a file holds: logits or features."""
    return "logits" if file.header is None else file.header.noun


def logits_files(folder: Path, names: Sequence[str] = ()) -> list[LogitsFile]:
    """The files of cached logits and features in the folder, by name.

    Args:
        names: only these: the name of a teacher, or how the name of a file begins.

    Raises:
        FileError: the folder cannot be read, or nothing there has one of the names.
    """
    try:
        entries = sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise FileError(
            f"{folder}: cannot be read ({error.strerror}); name the folder of the teacher cache in"
            f" {FOLDER_VARIABLE}"
        ) from error
    paths = [p for p in entries if p.suffix == EXTENSION and not p.name.startswith(".")]
    files = [file_state(path, CacheHeader.from_bytes) for path in paths]
    if not names:
        return files
    for name in names:
        if not any(_is_named(file, name) for file in files):
            raise FileError(
                f"{folder}: holds no logits of {name!r}; `deelish cache list` shows what is there"
            )
    return [file for file in files if any(_is_named(file, name) for name in names)]


def count_damaged(file: LogitsFile) -> int:
    """How many of its records have a wrong checksum."""
    mapped = RecordMap(file.path, CacheHeader.from_bytes)
    return sum(int((~sound(part)).sum()) for part in _parts(mapped))


def drop_damaged(file: LogitsFile) -> None:
    """Write the file again, without its damaged records; whole or not at all.

    Raises:
        FileError: the folder is read-only, or the disk is full.
    """
    with changing(file.path, "repaired"), replacing(file.path, file.bytes) as temporary:
        mapped = RecordMap(file.path, CacheHeader.from_bytes)
        with file.path.open("rb") as damaged, temporary.open("wb") as repaired:
            repaired.write(damaged.read(SIZE))
            for part in _parts(mapped):
                repaired.write(part[sound(part)].tobytes())


def remove(file: LogitsFile) -> None:
    """Remove the file. A training that uses it goes on, and makes another.

    Raises:
        FileError: the folder is read-only, or on Windows a process has the file open.
    """
    with changing(file.path, "removed"):
        file.path.unlink(missing_ok=True)


def _parts(mapped: RecordMap[CacheHeader]) -> Iterator[Bytes]:
    step = max(1, PART_BYTES // mapped.record)
    for start in range(0, mapped.count, step):
        yield np.asarray(mapped.rows[start : start + step])


def _is_named(file: LogitsFile, name: str) -> bool:
    return teacher_of(file) == name or file.path.name.startswith(name)
