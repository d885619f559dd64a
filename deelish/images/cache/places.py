"""Where the pixels of a kept image lie, and what reads them."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import numpy as np

from deelish.images.open_file import OpenFile
from deelish.storage.records import FRONT_BYTES, Bytes, sound

# Offset, width, height, crc32 of the pixels, digest of the file that they were decoded from.
LAYOUT = struct.Struct("<QIII16s")


class Place(NamedTuple):
    """Where the pixels of an image lie, and what is known of it."""

    file: OpenFile
    start: int
    width: int
    height: int
    crc: int
    digest: bytes

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


def place_of(record: Bytes, file: OpenFile) -> Place | None:
    """What a record uint8 (bytes a record) says; None where it is damaged."""
    if not sound(record[np.newaxis])[0]:
        return None
    return Place(file, *LAYOUT.unpack(record[FRONT_BYTES:].tobytes()))


class Decoded(NamedTuple):
    """An image to be written: key and digest of 16 bytes, RGB bytes."""

    key: bytes
    digest: bytes
    pixels: bytes
    width: int
    height: int

    def read(self) -> bytes:
        """The RGB bytes."""
        return self.pixels
