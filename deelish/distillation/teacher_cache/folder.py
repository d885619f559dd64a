"""The files of a teacher cache in a folder: which there are, their damage, repair and removal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.header import EXTENSION, CacheHeader
from deelish.distillation.teacher_cache.segments import Part, SegmentHeader
from deelish.errors import FileError
from deelish.storage.atomic import replacing
from deelish.storage.folder import FOLDER_VARIABLE
from deelish.storage.front import SIZE
from deelish.storage.lock import changing
from deelish.storage.records import Bytes, RecordMap, sound
from deelish.storage.state import FileState, file_state

REPAIR = "deelish cache check --repair"
# Records are checked in parts of about this size.
PART_BYTES = 1 << 24

LogitsFile = FileState[CacheHeader] | FileState[SegmentHeader]


def header_of(file: LogitsFile) -> CacheHeader | None:
    """What a file says of its logits; None where it cannot be used."""
    header = file.header
    return header.of if isinstance(header, SegmentHeader) else header


def part_of(file: LogitsFile) -> Part | None:
    """Which part of a pass a file is; None where it is none."""
    header = file.header
    return header.part if isinstance(header, SegmentHeader) else None


def teacher_of(file: LogitsFile) -> str:
    """The teacher's name, or the file's where it does not say."""
    header = header_of(file)
    return file.path.name if header is None else header.teacher


def noun_of(file: LogitsFile) -> str:
    """What a file holds: logits or features."""
    header = header_of(file)
    return "logits" if header is None else header.noun


def logits_files(
    folder: Path, names: Sequence[str] = (), elsewhere: Sequence[LogitsFile] = ()
) -> list[LogitsFile]:
    """The files of cached logits and features in the folder, by name.

    Args:
        names: only these: the name of a teacher, or how the name of a file begins.
        elsewhere: files of another folder, which may have a name alone.

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
    files = [state_of(path) for path in entries if _is_cache(path)]
    if not names:
        return files
    for name in names:
        if not any(is_named(file, name) for file in [*files, *elsewhere]):
            raise FileError(
                f"{folder}: holds no logits of {name!r}; `deelish cache list` shows what is there"
            )
    return [file for file in files if any(is_named(file, name) for name in names)]


def count_damaged(file: LogitsFile) -> int:
    """How many of its records have a wrong checksum."""
    if _is_segment(file.path):
        return segments.opened(file.path).count_damaged()
    return sum(int((~sound(part)).sum()) for part in _parts(_mapped(file.path)))


def whole_bytes(file: LogitsFile) -> int:
    """The bytes of its whole records: a training may be appending another."""
    if _is_segment(file.path):
        return file.bytes
    mapped = _mapped(file.path)
    return SIZE + mapped.count * mapped.record


def check_sound(file: LogitsFile) -> None:
    """Refuse a file with damaged records.

    Raises:
        FileError: it has some, or cannot be used.
    """
    if file.fault:
        raise FileError(file.fault)
    refuse_damage(file.path, noun_of(file), count_damaged(file), file.count)


def refuse_damage(
    path: Path, noun: str, damaged: int, count: int, cure: str = f"`{REPAIR}` drops them"
) -> None:
    """Raise FileError where some of a file's records are damaged."""
    if damaged:
        raise FileError(f"{path}: {damaged:,} of {count:,} {noun} are damaged; {cure}")


def drop_damaged(file: LogitsFile) -> None:
    """Write the file again, without its damaged records; whole or not at all.

    Raises:
        FileError: the folder is read-only, or the disk is full.
    """
    with changing(file.path, "repaired"):
        if _is_segment(file.path):
            segment = segments.opened(file.path)
            segments.write(segment.header, file.path.parent, [segment.records()])
            return
        with (
            replacing(file.path, file.bytes) as temporary,
            file.path.open("rb") as damaged,
            temporary.open("wb") as repaired,
        ):
            repaired.write(damaged.read(SIZE))
            for part in _parts(_mapped(file.path)):
                repaired.write(part[sound(part)].tobytes())


def remove(file: LogitsFile) -> None:
    """Remove the file. A training that uses it goes on, and makes another.

    Raises:
        FileError: the folder is read-only, or on Windows a process has the file open.
    """
    with changing(file.path, "removed"):
        file.path.unlink(missing_ok=True)


def _is_cache(path: Path) -> bool:
    return path.suffix in (EXTENSION, segments.EXTENSION) and not path.name.startswith(".")


def _is_segment(path: Path) -> bool:
    return path.suffix == segments.EXTENSION


def state_of(path: Path) -> LogitsFile:
    """What is known of a file without reading its records."""
    return file_state(path, segments.opened) if _is_segment(path) else file_state(path, _mapped)


def _mapped(path: Path) -> RecordMap[CacheHeader]:
    return RecordMap(path, CacheHeader.from_bytes)


def _parts(mapped: RecordMap[CacheHeader]) -> Iterator[Bytes]:
    step = max(1, PART_BYTES // mapped.record)
    for start in range(0, mapped.count, step):
        yield np.asarray(mapped.rows[start : start + step])


def is_named(file: LogitsFile, name: str) -> bool:
    """Whether a file is asked for by a name: of its teacher, or how that of the file begins."""
    return teacher_of(file) == name or file.path.name.startswith(name)
