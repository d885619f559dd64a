"""The shared segments as `deelish cache` shows them: what they are, and how many are damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.folder import LogitsFile, is_named
from deelish.distillation.teacher_cache.segments import SegmentHeader
from deelish.distillation.teacher_cache.shared import copied, shared_folder
from deelish.errors import FileError
from deelish.storage.front import SIZE
from deelish.storage.remote.server import RemoteFile, at_once, first_bytes, look_at_all, names_in
from deelish.storage.state import FileState


def shared_files(names: Sequence[str] = ()) -> list[LogitsFile]:
    """The shared segments, as the first bytes of each describe it; only those of these names.

    Raises:
        RemoteError: the folder cannot be read.
    """
    folder = shared_folder()
    if folder is None:
        return []
    there = [name for name in names_in(folder) if name.endswith(segments.EXTENSION)]
    found = look_at_all([folder.joined(name) for name in there])
    files = at_once(lambda file, _: _described(file), [file for file in found if file is not None])
    return [file for file in files if not names or any(is_named(file, name) for name in names)]


def count_damaged_shared(files: Sequence[LogitsFile]) -> list[int]:
    """How many records of each shared segment have a wrong checksum; all are fetched for it.

    Raises:
        RemoteError, FileError: one cannot be read, is damaged, or has no room here.
    """
    folder = shared_folder()
    if folder is None:
        return []
    fetched, copies = copied(folder, [file.path.name for file in files])
    return [segments.opened(copies.path(file.address)).count_damaged() for file in fetched]


def _described(file: RemoteFile) -> LogitsFile:
    path = Path(file.address.name)
    try:
        header = SegmentHeader.from_bytes(first_bytes(file.address, SIZE), path)
    except FileError as error:
        return FileState(path, None, f"{error}; write it again", 0, file.size, 0.0)
    return FileState(path, header, "", header.count, file.size, 0.0)
