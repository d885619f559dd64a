"""The first 4096 bytes of a record file: its kind, its format, and what it says of itself."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deelish.common.json_text import parsed_json
from deelish.errors import FileError
from deelish.version import __version__

SIZE = 4096
# Magic, crc32 of all that follows it, format version, length of the JSON.
LAYOUT = struct.Struct("<8sIII")
AFTER_SUM = 12
# The value that every front has: the version of deelish that made the file.
CREATED = "created"


@dataclass(frozen=True)
class Front:
    """How the files of one kind begin.

    magic: 8 bytes.  version: of the format.  kind: what such a file holds, for messages.
    """

    magic: bytes
    version: int
    kind: str

    def to_bytes(self, values: Mapping[str, Any]) -> bytes:
        """The 4096 bytes that hold these plain values."""
        text = json.dumps({**values, CREATED: __version__}).encode()
        rest = struct.pack("<II", self.version, len(text)) + text
        rest += bytes(SIZE - AFTER_SUM - len(rest))
        return self.magic + struct.pack("<I", zlib.crc32(rest)) + rest

    def read(self, data: bytes, path: Path) -> dict[str, Any]:
        """The values that `data` begins with.

        Raises:
            FileError: it is of another kind, is damaged, or is of another format version.
        """
        if len(data) < SIZE or not data.startswith(self.magic):
            raise FileError(f"{path}: does not begin as a file of {self.kind}")
        _, crc, version, length = LAYOUT.unpack_from(data)
        if zlib.crc32(data[AFTER_SUM:SIZE]) != crc:
            raise FileError(f"{path}: the first {SIZE} bytes are damaged")
        if version != self.version:
            raise FileError(
                f"{path}: is of format {version}, and this deelish reads {self.version}"
            )
        try:
            values = dict(parsed_json(data[LAYOUT.size : LAYOUT.size + length]))
        except (TypeError, ValueError):
            raise self.foreign(path) from None
        if not isinstance(values.pop(CREATED, None), str):
            raise self.foreign(path)
        return values

    def foreign(self, path: Path) -> FileError:
        """The error for values that deelish did not write."""
        return FileError(f"{path}: its description is not one that deelish wrote")
