"""Where the pixels of a kept image lie, and what reads them."""

from __future__ import annotations

import os
import struct
import sys
import threading
import weakref
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deelish.cache.records import FRONT_BYTES, Bytes, sound

# Offset, width, height, crc32 of the pixels, digest of the file that they were decoded from.
LAYOUT = struct.Struct("<QIII16s")


class Pixels:
    """A file of pixels that is open for reading. It outlives the removal of the file.

    It is read, not mapped: a mapped file that somebody cuts ends the process, and a page of it that
    is not in memory yet stops all threads, where a read stops one.

    Raises:
        OSError: the file is missing, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._handle)

    def read(self, start: int, length: int) -> bytes | None:
        """So many bytes from `start` on; None where the file is shorter, or fails."""
        try:
            data = _read(self._handle, length, start)
        except OSError:
            return None
        return data if len(data) == length else None


if sys.platform == "win32":
    _one = threading.Lock()

    def _read(handle: int, length: int, start: int) -> bytes:
        with _one:
            os.lseek(handle, start, os.SEEK_SET)
            return os.read(handle, length)

else:
    _read = os.pread


class Place(NamedTuple):
    """Where the pixels of an image lie, and what is known of it."""

    file: Pixels
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
        return self.file.read(self.start, self.length)

    def sound(self) -> bool:
        """Whether its pixels are those that were written."""
        pixels = self.read()
        return pixels is not None and zlib.crc32(pixels) == self.crc


def place_of(record: Bytes, file: Pixels) -> Place | None:
    """What a record uint8 (bytes a record) says; None where it is damaged."""
    if not sound(record[np.newaxis])[0]:
        return None
    return Place(file, *LAYOUT.unpack(record[FRONT_BYTES:].tobytes()))


class Decoded(NamedTuple):
    """An image to be written: key and digest of 16 bytes, RGB bytes, (width, height)."""

    key: bytes
    digest: bytes
    pixels: bytes
    size: tuple[int, int]
