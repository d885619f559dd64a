"""What an archive of a teacher cache says that it holds, and the sums of what is read and written.

The archive is a plain tar. Its first member, `deelish-cache.json`, has the name, the size and the
sha256 sum of each of the others, which are files of the teacher cache in the same order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deelish.common.json_text import parsed_json
from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.header import EXTENSION
from deelish.errors import FileError

MANIFEST, FORMAT = "deelish-cache.json", 1
_NAME = re.compile(
    rf"[A-Za-z0-9-]{{1,150}}({re.escape(segments.EXTENSION)}|{re.escape(EXTENSION)})"
)
_SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A file of an archive.

    name: its name in the cache.  bytes: its size.  sum: its sha256 (hex).
    """

    name: str
    bytes: int
    sum: str


class Summing:
    """A file whose bytes are summed as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sum = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all that are left."""
        data = self._file.read(size)
        self.sum.update(data)
        return data


def manifest_of(entries: Sequence[Entry]) -> bytes:
    """The text that lists the files."""
    files = [{"name": each.name, "bytes": each.bytes, "sha256": each.sum} for each in entries]
    return json.dumps({"format": FORMAT, "files": files}).encode()


def listed(archive: Path, text: bytes) -> list[Entry]:
    """The files that a manifest lists.

    Raises:
        FileError: it is none, or of another format version.
    """
    try:
        values = parsed_json(text)
        version = values["format"]
        entries = [Entry(each["name"], each["bytes"], each["sha256"]) for each in values["files"]]
        right = all(_is_right(each) for each in entries)
    except (ValueError, KeyError, TypeError):
        raise foreign(archive, f"{MANIFEST} is not one that deelish wrote") from None
    if version != FORMAT:
        raise FileError(
            f"{archive}: is of format {version!r:.20}, and this deelish reads {FORMAT}; write it"
            " with the same version of deelish"
        )
    names = [each.name for each in entries]
    if not right or len(set(names)) < len(names):
        raise foreign(archive, f"{MANIFEST} has a name, size or sum that is none, or one twice")
    return entries


def _is_right(entry: Entry) -> bool:
    return (
        _NAME.fullmatch(entry.name) is not None
        and type(entry.bytes) is int
        and entry.bytes >= 0
        and _SUM.fullmatch(entry.sum) is not None
    )


def foreign(archive: Path, what: str) -> FileError:
    """The error for an archive that deelish did not write, or not so."""
    return FileError(f"{archive}: {what}; write it again with `deelish cache ship`")
