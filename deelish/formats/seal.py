"""The seal of a file: a checksum by which any changed bit of it is noticed.

The checksums of arrays leave bits out that no reader looks at, such as padding, and those whose
change leaves the meaning, such as the version that wrote the file.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import IO

from deelish.errors import FileError

# In the JSON text of a file that has a seal: without it, a lost seal would go unnoticed.
SEALED = "sealed"
# At the end of a file: what it is, and the crc32 of all bytes before it.
_TRAILER = struct.Struct("<8sI")
_MAGIC = b"deelSEAL"
_PART = 1 << 20


def text_seal(text: str) -> str:
    """The seal of a text, for a file whose other bytes are checked."""
    return str(zlib.crc32(text.encode()))


def add_seal(file: IO[bytes]) -> None:
    """Write the seal behind all that a file holds."""
    file.write(_TRAILER.pack(_MAGIC, _crc(file, file.seek(0, os.SEEK_END))))


def has_seal(path: Path) -> bool:
    """Whether the file ends in a seal.

    Raises:
        OSError: it cannot be read.
        FileError: the seal is that of other bytes.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) - _TRAILER.size
        file.seek(max(size, 0))
        trailer = file.read()
        if size < 0 or not trailer.startswith(_MAGIC):
            return False
        if trailer != _TRAILER.pack(_MAGIC, _crc(file, size)):
            raise broken(path)
        return True


def broken(path: Path) -> FileError:
    """The error for a seal that is missing, or of other bytes."""
    return FileError(
        f"{path}: its bytes are not those that save() wrote, so the file is damaged or was changed"
        " by another program; take another copy"
    )


def _crc(file: IO[bytes], size: int) -> int:
    """The checksum of the first bytes; the file is then read up to them."""
    file.seek(0)
    crc = 0
    while size > 0 and (part := file.read(min(_PART, size))):
        crc, size = zlib.crc32(part, crc), size - len(part)
    return crc
