"""A decoded image that waits to be written to the cache, and one that is stored there."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from deelish.images.open_file import OpenFile

# The payload of a record: offset, width, height, crc32 of the pixels, digest of the file that they
# were decoded from.
LAYOUT = struct.Struct("<QIII16s")


class StoredImage(NamedTuple):
    """Where the pixels of an image are, and what is known of it."""

    file: OpenFile
    start: int
    width: int
    height: int
    crc: int
    digest: bytes

    @classmethod
    def from_payload(cls, payload: bytes, file: OpenFile) -> StoredImage:
        """The image that a record names; `file` has the pixels."""
        return cls(file, *LAYOUT.unpack(payload))

    @property
    def payload(self) -> bytes:
        """What a record says of it."""
        return LAYOUT.pack(*self[1:])

    @property
    def length(self) -> int:
        """How many bytes its pixels take."""
        return 3 * self.width * self.height

    def read(self) -> bytes | None:
        """The RGB bytes; None where the file has been cut or has gone."""
        try:
            pixels = self.file.read(self.start, self.length)
        except OSError:
            return None
        return pixels if len(pixels) == self.length else None

    def sound(self) -> bool:
        """Whether its pixels are those that were written."""
        pixels = self.read()
        return pixels is not None and zlib.crc32(pixels) == self.crc


class WaitingImage(NamedTuple):
    """An image to be written: key and digest of 16 bytes, RGB bytes."""

    key: bytes
    digest: bytes
    pixels: bytes
    width: int
    height: int

    def read(self) -> bytes:
        """The RGB bytes."""
        return self.pixels
