"""The files of the disk cache: pixels one after the other, and a record file that finds them.

Pixels are written before the record that names them, with their checksum. A killed process leaves
bytes that nobody reads, and a record never names what is not there.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.errors import FileError
from deelish.images.cache.stored_image import LAYOUT, StoredImage, WaitingImage
from deelish.images.open_file import OpenFile
from deelish.storage.front import Front
from deelish.storage.index import KEY_BYTES, Keys
from deelish.storage.record_file import RecordFile
from deelish.storage.records import write_at

FRONT = Front(b"\x93DEELIMG", 1, "decoded images")
INDEX = "images.index"
EXTENSION = ".pixels"


@dataclass(frozen=True)
class IndexHeader:
    """What an index says of itself: the name of the file that has the pixels."""

    pixels: str
    payload_bytes = LAYOUT.size

    def to_bytes(self) -> bytes:
        """The front of the index."""
        return FRONT.to_bytes({"pixels": self.pixels})

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> IndexHeader:
        """What `data` begins with; raises FileError as Front.read does."""
        name = FRONT.read(data, path).get("pixels")
        if not isinstance(name, str) or Path(name).name != name:
            raise FRONT.foreign(path)
        return cls(name)


@dataclass(frozen=True)
class OpenPixels:
    """The pixels that an index is of, open for reading."""

    path: Path
    file: OpenFile
    payload_bytes = LAYOUT.size

    @classmethod
    def from_bytes(cls, data: bytes, index: Path) -> OpenPixels:
        """The pixels of the index that `data` begins; FileError where they are missing, too."""
        path = index.with_name(IndexHeader.from_bytes(data, index).pixels)
        try:
            return cls(path, OpenFile(path))
        except FileNotFoundError:
            raise FileError(f"{path}: is missing, with the pixels of {INDEX}") from None


class PixelFiles:
    """The decoded images of a folder, by key. Use them from one thread at a time.

    Raises:
        OSError: they are there and cannot be read.
    """

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        self.folder = folder
        begin = functools.partial(_begin, folder)
        self._index = RecordFile(folder / INDEX, OpenPixels.from_bytes, begin, report)
        self._index.follow()

    def find(self, keys: Sequence[bytes]) -> list[StoredImage | None]:
        """The image of each key, as far as this process has looked; reads no pixels."""
        images: list[StoredImage | None] = [None] * len(keys)
        pixels = self._index.header
        if pixels is not None:
            positions, payloads = self._index.known(_keys(keys))
            for position, payload in zip(positions.tolist(), payloads, strict=True):
                images[position] = StoredImage.from_payload(payload.tobytes(), pixels.file)
        return images

    def append(
        self, images: Sequence[WaitingImage], limit: Callable[[int], int]
    ) -> list[StoredImage]:
        """Write the images that are not there yet, as far as there is room; all, as stored.

        limit: from the bytes of the pixels that are there to the bytes that may be there.

        Raises:
            OSError, FileError: they cannot be written; what is there stays whole.
        """
        with self._index.writing() as made:
            pixels = self._index.header
            if pixels is None:
                return []
            if made:
                self._remove_all_but(pixels.path)
            # After all that is there: what a killed process left stays where it is.
            start = pixels.path.stat().st_size
            stored = self._placed(images, pixels.file, start, limit(start))
            new = [pair for pair in zip(images, stored, strict=False) if pair[1].start >= start]
            if new:
                data = b"".join(image.pixels for image, _ in new)
                write_at(pixels.path, start, data)
                payloads = np.frombuffer(b"".join(image.payload for _, image in new), np.uint8)
                keys = _keys([image.key for image, _ in new])
                self._index.append(keys, payloads.reshape(len(new), -1))
            return stored

    def _placed(
        self, images: Sequence[WaitingImage], file: OpenFile, end: int, limit: int
    ) -> list[StoredImage]:
        """Where each is, or will be from `end` on; without those that `limit` has no room for."""
        placed = []
        for image, stored in zip(images, self.find([i.key for i in images]), strict=True):
            # Another process may have written it meanwhile; a damaged one is written again.
            if stored is None or not stored.sound():
                if end + len(image.pixels) > limit:
                    break
                crc = zlib.crc32(image.pixels)
                stored = StoredImage(file, end, image.width, image.height, crc, image.digest)
                end += len(image.pixels)
            placed.append(stored)
        return placed

    def _remove_all_but(self, pixels: Path) -> None:
        """Remove the pixels that no index names any more."""
        for path in self.folder.glob(f"*{EXTENSION}"):
            if path != pixels:
                with contextlib.suppress(OSError):  # on Windows, another process has it open
                    path.unlink()


def _begin(folder: Path) -> bytes:
    """Make a new file for pixels; the front of its index."""
    name = secrets.token_hex(8) + EXTENSION
    (folder / name).touch()
    return IndexHeader(name).to_bytes()


def _keys(keys: Sequence[bytes]) -> Keys:
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY_BYTES)
