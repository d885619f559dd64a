"""Merges the segments of each teacher into one file, once no part of a pass is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.folder import LogitsFile, header_of, part_of, refuse_damage
from deelish.distillation.teacher_cache.header import CacheHeader
from deelish.distillation.teacher_cache.segments import Part, SegmentHeader
from deelish.errors import FileError
from deelish.storage.lock import changing
from deelish.storage.records import RecordMap, keys_of, payloads_of, sound
from deelish.storage.segment import Segment, Sorted, in_order

# So many missing parts are named.
SHOWN = 5


@dataclass(frozen=True)
class Merged:
    """One file that segments became.

    path: the file.  teacher: a name to show.  parts: how many files became one.
    count: its records.
    """

    path: Path
    teacher: str
    parts: int
    count: int


def merge_all(files: Sequence[LogitsFile]) -> list[Merged]:
    """Merge the files of each teacher and form, where they are not one segment already.

    Raises:
        FileError: as `merge`.
    """
    together: dict[str, list[LogitsFile]] = defaultdict(list)
    for file in files:
        header = header_of(file)
        if header is not None:
            together[header.identity].append(file)
    return [
        merge([file.path for file in group])
        for group in together.values()
        if len(group) > 1 or group[0].path.suffix != segments.EXTENSION or part_of(group[0])
    ]


def merge(paths: Sequence[Path]) -> Merged:
    """Merge the files of one teacher and form into one, and remove them.

    Trainings that use them go on; one that caches logits waits.

    Args:
        paths: segments, and at most one file that trainings append to, all of one folder.

    Raises:
        FileError: a part is missing, a file is damaged, or the folder cannot be written.
    """
    found = [segments.opened(path) for path in paths if path.suffix == segments.EXTENSION]
    appended = [path for path in paths if path.suffix != segments.EXTENSION]
    of = found[0].header.of if found else RecordMap(appended[0], CacheHeader.from_bytes).header
    _check_sound(found)
    header = SegmentHeader(of, tasks=_tasks(paths[0].parent, found))
    path = paths[0].parent / header.file
    with changing(path, "merged"):
        # Those of a merged file first, then the parts in the order of one pass.
        in_turn = sorted(found, key=lambda each: _order(each.header.part))
        sources = [*(each.records() for each in in_turn), *map(_appended, appended)]
        segments.write(header, path.parent, sources)
        for each in paths:
            if each != path:
                each.unlink(missing_ok=True)
    return Merged(path, of.teacher, len(paths), segments.opened(path).count)


def _check_sound(found: Iterable[Segment[SegmentHeader]]) -> None:
    """Refuse what would be lost: in one file nobody would know of which part it was."""
    for segment in found:
        part, facts = segment.header.part, (segment.count_damaged(), segment.count)
        noun = segment.header.of.noun
        if part is None:
            refuse_damage(segment.path, noun, *facts)
        else:
            again = f"remove it, and make it with {_again(part, part.number)}"
            refuse_damage(segment.path, noun, *facts, again)


def _order(part: Part | None) -> tuple[str, int]:
    return ("", 0) if part is None else (part.task, part.number)


def _tasks(folder: Path, found: Iterable[Segment[SegmentHeader]]) -> tuple[str, ...]:
    """The passes that the segments hold whole."""
    parts: Mapping[str, list[Part]] = defaultdict(list)
    tasks: set[str] = set()
    for segment in found:
        tasks.update(segment.header.tasks)
        if segment.header.part is not None:
            parts[segment.header.part.task].append(segment.header.part)
    for task, there in parts.items():
        count = there[0].count
        missing = sorted(set(range(1, count + 1)) - {part.number for part in there})
        if missing:
            shown = ", ".join(f"{number}/{count}" for number in missing[:SHOWN])
            more = ", ..." if len(missing) > SHOWN else ""
            others = f"; parts of {len(parts)} passes are there" if len(parts) > 1 else ""
            raise FileError(
                f"{folder}: {len(missing):,} of {count:,} parts are missing, {shown}{more}; make"
                f" the first with {_again(there[0], missing[0])}{others}"
            )
        tasks.add(task)
    return tuple(sorted(tasks))


def _again(other: Part, number: int) -> str:
    """What makes a part that is missing, as another one was made."""
    if other.command:
        return f"`{other.command} --part {number}/{other.count}`"
    return f'Teach(..., part="{number}/{other.count}")'


def _appended(path: Path) -> Sorted:
    """The sound records of a file that trainings append to."""
    rows = RecordMap(path, CacheHeader.from_bytes).rows
    rows = rows[sound(rows)]
    return in_order(keys_of(rows), np.ascontiguousarray(payloads_of(rows)))
