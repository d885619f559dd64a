"""Decoded images kept on disk, for every run that shows the same files."""

from __future__ import annotations

import os
import threading
from hashlib import blake2b
from pathlib import Path

import numpy as np

from deelish.common.printing import say
from deelish.errors import FileError, reason
from deelish.images.cache.memory import Keeping
from deelish.images.cache.pixel_files import ImageFiles
from deelish.images.cache.places import Decoded, Place
from deelish.images.cache.room import free_disk
from deelish.images.decoding.decode import DECODING
from deelish.images.decoding.frames import Opened
from deelish.images.decoding.reducing import ALL, Scale, serves
from deelish.images.pixels import packed
from deelish.images.sample import Origin
from deelish.images.shards.members import Member
from deelish.storage.folder import cache_folder

FOLDER = "images"
# Images are written when so many bytes of them wait, and at the end of an epoch.
WAITING = 1 << 22


def images_folder() -> Path:
    """Where images are kept."""
    return cache_folder() / FOLDER


def key_of(origin: Origin) -> bytes:
    """16 bytes for all that the pixels of a file hang on, without reading it.

    Those are its path, size, number on the disk, and the times of its last change; and what
    decodes it. Of an image in a shard they are those of the shard when it was indexed, and the
    image's place there. Raises OSError.
    """
    import PIL

    if isinstance(origin, Member):
        about: tuple[object, ...] = origin.facts()
    else:
        status = origin.stat()
        path = os.path.abspath(origin)  # noqa: PTH100
        about = (path, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    facts = (DECODING, PIL.__version__, *about)
    return blake2b(os.fsencode("\0".join(map(str, facts))), digest_size=16).digest()


def key_at(key: bytes, scale: Scale) -> bytes:
    """16 bytes for the pixels that a file of this key has at a scale."""
    return blake2b(key + bytes([scale or 0]), digest_size=16).digest()


class DiskKeeping(Keeping):
    """Images in one file of the cache, in at most half of the room that the disk has for it.

    No damage, no full disk and no missing permission ends a training: it is said once, and what
    cannot be kept is decoded each time.
    """

    where = "on disk"
    digests = True

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = folder or images_folder()
        self._said: set[str] = set()
        self._lock = threading.Lock()
        self._places: dict[tuple[Origin, Scale], Place] = {}
        self._waiting: dict[tuple[Origin, Scale], Decoded] = {}
        self._waiting_bytes = 0
        # What was looked for and not found, for which base; its key is that of before the decoding.
        self._missing: dict[tuple[Origin, int], bytes] = {}
        self._failed = False
        self._files: ImageFiles | None = None
        try:
            self._files = ImageFiles(self.folder, self._say)
        except OSError as error:
            self._cannot("read", error)

    def get(self, origin: Origin, base: int) -> Opened | None:
        """The image of a file for base x base pixels; None where it is not kept."""
        for scale in ALL:
            place = self._places.get((origin, scale)) or self._waiting.get((origin, scale))
            if place is not None and serves(place.width, place.height, scale, base):
                return _opened(place, scale)
        found = self._found(origin, base)
        return None if found is None else _opened(*found)

    def put(self, origin: Origin, base: int, opened: Opened) -> None:
        """Keep an image that `get` did not have, unless its file has changed since then."""
        if self._closed or opened.digest is None:
            return
        key = self._missing.pop((origin, base), None)
        if key is None or not _is_still(origin, key):
            return
        height, width, _ = opened.pixels.shape
        pixels, key = packed(opened.pixels).tobytes(), key_at(key, opened.scale)
        decoded = Decoded(key, opened.digest, pixels, width, height)
        with self._lock:
            self._waiting[origin, opened.scale] = decoded
            self._waiting_bytes += len(decoded.pixels)
            if self._waiting_bytes >= WAITING:
                self._write()

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()

    @property
    def _closed(self) -> bool:
        """Whether nothing is written any more."""
        return self.full or self._failed or self._files is None

    def _found(self, origin: Origin, base: int) -> tuple[Place, Scale] | None:
        """The place of an image that this run has not met yet, with sound pixels; its scale."""
        if self._files is None or (self._closed and (origin, base) in self._missing):
            return None
        try:
            key = key_of(origin)
        except (OSError, ValueError):  # decoding it says what is wrong
            return None
        with self._lock:
            places = [(self._files.find(key_at(key, scale)), scale) for scale in ALL]
        for place, scale in places:
            if place is None or not serves(place.width, place.height, scale, base):
                continue
            if place.sound():
                with self._lock:
                    self._take((origin, scale), place)
                return place, scale
            self._say(f"{self.folder}: holds damaged images, which are decoded anew")
        self._missing[origin, base] = key
        return None

    def _take(self, which: tuple[Origin, Scale], place: Place) -> None:
        if which not in self._places:
            self.count += all((which[0], scale) not in self._places for scale in ALL)
            self._places[which] = place
            self.bytes += place.length

    def _write(self) -> None:
        """Write what waits; the lock is held."""
        waiting = list(self._waiting.items())
        if not waiting or self._files is None:
            return
        try:
            places = self._files.append([decoded for _, decoded in waiting], self._bound)
            for (which, _), place in zip(waiting, places, strict=False):
                self._take(which, place)
            self.full = len(places) < len(waiting)
        except (OSError, FileError) as error:
            self._failed = True
            self._cannot("kept", error)
        self._waiting, self._waiting_bytes = {}, 0

    def _bound(self, there: int) -> int:
        """How many bytes of pixels there may be, where so many are there."""
        return (there + free_disk(self.folder)) // 2

    def _say(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            say(line)

    def _cannot(self, what: str, error: Exception) -> None:
        self._say(
            f"{self.folder}: images cannot be {what} ({reason(error)}); training goes on, and what"
            " is not there is decoded each time"
        )


def _opened(kept: Place | Decoded, scale: Scale) -> Opened | None:
    pixels = kept.read()
    if pixels is None:
        return None
    shape = (kept.height, kept.width, 3)
    return Opened(np.frombuffer(pixels, np.uint8).reshape(shape), scale, kept.digest)


def _is_still(origin: Origin, key: bytes) -> bool:
    try:
        return key_of(origin) == key
    except OSError:
        return False
