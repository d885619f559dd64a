"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from deelish.errors import FileError, first_line


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; when the block ends well it takes the place of `path`.

    The temporary file is in the same folder, since a rename is atomic only within one file system.

    Raises:
        FileError: the folder is missing or read-only, the disk is full, or `path` is a folder.
    """
    if path.is_dir():
        raise FileError(f"{path}: is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise _unwritable(path, f"there is no folder {path.parent}")
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise _unwritable(path, error.strerror or first_line(error)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unwritable(path: Path, reason: str) -> FileError:
    return FileError(
        f"{path}: cannot be written ({reason}); give a folder that exists and has room"
    )


def _flush(path: Path) -> None:
    """Make the disk hold what was written. Windows opens no folders, and needs it for none."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
