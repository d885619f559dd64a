"""Which paths are ordinary files. None is opened for it, as opening a pipe may never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deelish.errors import DataError


def is_there(path: str | Path) -> bool:
    """Whether there is an ordinary file, links followed.

    Raises DataError for what is no ordinary file, and where it cannot be found out.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DataError(
            f"{str(path)[:99]}: cannot be looked for ({error.strerror}); correct the path"
        ) from error
    check_ordinary(path, mode)
    return True


def check_ordinary(path: str | Path, mode: int) -> None:
    """Raises DataError where the mode of a path, from its `stat`, is not that of a file."""
    if stat.S_ISDIR(mode):
        raise DataError(f"{path}: this is a folder; name an image file")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: this is a pipe, a device or a socket; name an image file")
