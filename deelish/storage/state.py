"""A record file as `deelish cache` shows it: its size, its last use, what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol

from deelish.errors import FileError
from deelish.storage.records import H


@dataclass(frozen=True)
class FileState(Generic[H]):
    """What is known of a record file without reading its records.

    header: None where the file cannot be used; `fault` says why, and the cure.  count: its records.
    bytes: its size.  used: seconds of the epoch when a session opened it, or appended to it.
    """

    path: Path
    header: H | None
    fault: str
    count: int
    bytes: int
    used: float


class Mapped(Protocol[H]):
    """A record file that is mapped."""

    header: H

    @property
    def count(self) -> int:
        """How many records it has."""


def file_state(path: Path, mapped_of: Callable[[Path], Mapped[H]]) -> FileState[H]:
    """The state of a file, whether it can be used or not."""
    facts = (0, 0.0)
    try:
        status = path.stat()
        facts = (status.st_size, status.st_mtime)
        mapped = mapped_of(path)
    except FileError as error:
        fault = f"{error}; it is rebuilt by the next training that uses it, or clear it"
        return FileState(path, None, fault, 0, *facts)
    except OSError as error:
        fault = f"{path}: cannot be read ({error.strerror}); make it readable, or clear it"
        return FileState(path, None, fault, 0, *facts)
    return FileState(path, mapped.header, "", mapped.count, *facts)
