"""Writing files so that each is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deelish.errors import FileError, first_line
from deelish.storage.staged import StagedFile

# A file in one piece, or in several one after the other.
Content = bytes | memoryview | Sequence[memoryview]

# A system, a quota, or a process has no room left.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
# What file systems say that flush no folders; their renames are as safe as they make them.
_FLUSHES_NO_FOLDERS = {
    *(errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS),
    *(errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR),
}


def write_file(path: Path, content: Content) -> None:
    """Write a file; see `write_files`."""
    write_files({path: content})


def write_files(contents: Mapping[Path, Content]) -> None:
    """Write files that belong together: where one cannot be written, all old ones stay.

    A link stays, and what it leads to is replaced. A file that is replaced leaves its rights, and
    where the system allows it its owner, to the new one.

    Raises:
        FileError: a folder is missing or read-only, the disk is full, or a path is a folder, a
            link to nothing, or no ordinary file.
    """
    with contextlib.ExitStack() as stack:
        staged: dict[Path, StagedFile] = {}
        for path, content in contents.items():
            pieces = [content] if isinstance(content, bytes | memoryview) else content
            size = sum(memoryview(piece).nbytes for piece in pieces)
            # A half-written file goes before the free bytes are counted.
            with _in_a_sentence(path, size), contextlib.ExitStack() as until_whole:
                staged[path] = until_whole.enter_context(StagedFile(_target(path)))
                for piece in pieces:
                    staged[path].write(piece)
                staged[path].flush()
                stack.enter_context(until_whole.pop_all())
        for path, file in staged.items():
            with _in_a_sentence(path, None):
                file.take_its_place()
    for path in contents:
        _flush_folder(path)


@contextlib.contextmanager
def replacing(path: Path, needed: int | None = None) -> Iterator[Path]:
    """A temporary path beside `path`; when the block ends well it takes the place of `path`.

    The temporary file is in the same folder, since a rename is atomic only within one file system.
    `write_file` is for what fits into memory.

    Args:
        path: the file.
        needed: about how many bytes it takes, for the error of a full disk.

    Raises:
        FileError: as `write_files`.
    """
    with _in_a_sentence(path, needed), StagedFile(_target(path)) as staged:
        yield staged.path
        staged.flush()
        staged.take_its_place()
    _flush_folder(path)


def check_target(path: Path) -> None:
    """Refuse a path that cannot be written whatever its content is, before that is made.

    Raises:
        FileError: its folder is missing, or it is a folder, a link to nothing, or no ordinary file.
    """
    with _in_a_sentence(path, None):
        _target(path)


def _target(path: Path) -> Path:
    """The file to replace: `path`, or what it leads to."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        if not path.parent.is_dir():
            raise _unwritable(path, f"there is no folder {path.parent}") from None
        return path
    target = path
    if stat.S_ISLNK(status.st_mode):
        target = Path(os.path.realpath(path))
        if not target.exists():
            raise FileError(
                f"{path}: is a link to {target}, which is not there; remove the link, or bring back"
                " what it leads to"
            )
        status = target.stat()
    if stat.S_ISDIR(status.st_mode):
        raise FileError(f"{path}: is a folder; give the name of a file")
    if not stat.S_ISREG(status.st_mode):
        raise FileError(f"{path}: is no ordinary file; give the name of one")
    return target


@contextlib.contextmanager
def _in_a_sentence(path: Path, needed: int | None) -> Iterator[None]:
    """Turn an error of the system into one sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileError):
            raise
        reason = error.strerror or first_line(error)
        if error.errno in FULL:
            raise _full(path, reason, needed) from error
        raise _unwritable(path, reason) from error


def _unwritable(path: Path, reason: str) -> FileError:
    return FileError(
        f"{path}: cannot be written ({reason}); give a folder that exists and has room"
    )


def _full(path: Path, reason: str, needed: int | None) -> FileError:
    takes = "" if needed is None else f"it takes {needed:,} bytes and "
    free = "an unknown number"
    with contextlib.suppress(OSError):
        free = f"{shutil.disk_usage(path.parent).free:,}"
    kept = "; the file that was there is unchanged" if path.exists() else ""
    return FileError(
        f"{path}: cannot be written ({reason}), {takes}{free} are free; make room, or give a folder"
        f" on another disk{kept}"
    )


def _flush_folder(path: Path) -> None:
    """Make the disk hold a rename; Windows opens no folders, and needs it for none.

    Raises:
        FileError: the disk fails; where it only refuses to flush folders, nothing is wrong.
    """
    if os.name == "nt":
        return
    try:
        handle = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _FLUSHES_NO_FOLDERS:
            raise FileError(
                f"{path}: is written, but its disk does not confirm that"
                f" ({error.strerror or first_line(error)}); keep a copy on another disk"
            ) from error
