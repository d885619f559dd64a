"""The files of kept images: pixels one after the other, and an index of records that finds them.

Pixels are written before the record that names them, with their sum, so that a killed process
leaves bytes that nobody looks at, and a record never names what is not there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deelish.errors import FileError
from deelish.images.cache.places import LAYOUT, Decoded, Place, place_of
from deelish.images.open_file import OpenFile
from deelish.storage.atomic import replacing
from deelish.storage.front import Front
from deelish.storage.index import KEY_BYTES, Index
from deelish.storage.lock import locked
from deelish.storage.records import RecordMap, append, keys_of, made, write_at
from deelish.version import __version__

FRONT = Front(b"\x93DEELIMG", 1, "kept images")
INDEX = "images.index"
ENDING = ".pixels"


@dataclass(frozen=True)
class Description:
    """What an index says of itself: the name of the file that has the pixels, who made it."""

    pixels: str
    created: str = __version__
    packed = LAYOUT.size

    def to_bytes(self) -> bytes:
        """The front of the index."""
        return FRONT.to_bytes({"pixels": self.pixels, "created": self.created})

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Description:
        """What `data` begins with; raises FileError as Front.read does."""
        values = FRONT.read(data, path)
        name, created = values.get("pixels"), values.get("created")
        if not isinstance(name, str) or Path(name).name != name or not isinstance(created, str):
            raise FRONT.foreign(path)
        return cls(name, created)


class ImageFiles:
    """The kept images of a folder, by key. Not for several threads at once."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.path = folder, folder / INDEX
        self._say = say
        self._map: RecordMap[Description] | None = None
        self._index = Index()
        self._pixels: OpenFile | None = None
        self._follow()

    def find(self, key: bytes) -> Place | None:
        """The place of a key, as far as this process has looked; its pixels are not looked at."""
        row = int(self._index.find(np.frombuffer(key, np.uint8).reshape(1, KEY_BYTES))[0])
        if row < 0 or self._map is None or self._pixels is None:
            return None
        record = self._map.rows[row]
        if keys_of(record[np.newaxis]).tobytes() != key:
            return None
        return place_of(record, self._pixels)

    def append(self, images: Sequence[Decoded], bound: Callable[[int], int]) -> list[Place]:
        """Write the images that are not there yet, as far as there is room; their places, in order.

        bound: from the bytes of the pixels that are there to the bytes that may be there.

        Raises:
            OSError, FileError: they cannot be written; what is there stays whole.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            self._follow()
            if self._map is None:
                self._make()
            return self._append(images, bound)

    def _append(self, images: Sequence[Decoded], bound: Callable[[int], int]) -> list[Place]:
        if self._map is None or self._pixels is None:
            return []
        path = self.folder / self._map.header.pixels
        # Behind all that is there: what a killed process left stays where it is.
        start = path.stat().st_size
        places = self._placed(images, self._pixels, start, bound(start))
        new = [pair for pair in zip(images, places, strict=False) if pair[1].start >= start]
        if new:
            data = b"".join(image.pixels for image, _ in new)
            write_at(path, start, data, len(data))
            keys = np.frombuffer(b"".join(image.key for image, _ in new), np.uint8)
            packed = np.frombuffer(b"".join(LAYOUT.pack(*place[1:]) for _, place in new), np.uint8)
            records = made(keys.reshape(len(new), -1), packed.reshape(len(new), -1))
            append(self.path, records, self._map.count)
            self._follow()
        return places

    def _placed(
        self, images: Sequence[Decoded], file: OpenFile, end: int, most: int
    ) -> list[Place]:
        """Where each is, or will be behind `end`; without those that `most` has no room for."""
        places = []
        for image in images:
            place = self.find(image.key)
            # Another process may have written it meanwhile; a damaged one is written again.
            if place is None or not place.sound():
                if end + len(image.pixels) > most:
                    break
                crc = zlib.crc32(image.pixels)
                place = Place(file, end, image.width, image.height, crc, image.digest)
                end += len(image.pixels)
            places.append(place)
        return places

    def _make(self) -> None:
        """Begin anew; pixels that no index names any more are removed. The lock is held."""
        name = secrets.token_hex(8) + ENDING
        (self.folder / name).touch()
        with replacing(self.path) as temporary:
            temporary.write_bytes(Description(name).to_bytes())
        for path in self.folder.glob(f"*{ENDING}"):
            if path.name != name:
                with contextlib.suppress(OSError):  # on Windows, another process has it open
                    path.unlink()
        self._follow()

    def _follow(self) -> None:
        """See whether the index is another one, or has more records."""
        try:
            status = self.path.stat()
            if self._map is None or not self._map.is_of(status):
                self._open()
            elif self._map.whole(status.st_size) > self._index.count:
                self._map.extend()
            if self._map is not None:
                self._index.add(keys_of(self._map.rows[self._index.count :]))
        except FileNotFoundError:
            self._map = None
        except FileError as error:
            self._map = None
            self._say(f"{error}; it is made anew")

    def _open(self) -> None:
        self._map, self._index = None, Index()
        mapped = RecordMap(self.path, Description.from_bytes)
        path = self.folder / mapped.header.pixels
        try:
            pixels = OpenFile(path)
        except FileNotFoundError:
            raise FileError(f"{path}: is missing, with the pixels of {INDEX}") from None
        with contextlib.suppress(OSError):
            os.utime(self.path)  # `deelish cache list` shows when it was last used
        self._map, self._pixels = mapped, pixels
