"""Decoded images kept on disk, for every run that shows the same files."""

from __future__ import annotations

import os
import threading
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from deelish import report
from deelish.cache.place import cache_folder
from deelish.errors import FileError, reason
from deelish.images.keeping import Keeping, Opened, image_of
from deelish.images.pixel_files import ImageFiles
from deelish.images.places import Decoded, Place
from deelish.images.room import free_disk

if TYPE_CHECKING:
    from PIL.Image import Image

FOLDER = "images"
# Images are written when so many bytes of them wait, and at the end of an epoch.
WAITING = 1 << 22
# One more when `decode` makes other pixels of a file than before.
DECODING = 1


def images_folder() -> Path:
    """Where images are kept."""
    return cache_folder() / FOLDER


def key_of(path: Path) -> bytes:
    """16 bytes for all that the pixels of a file hang on, without reading it.

    Those are its path, size, number on the disk, and the times of its last change; and what
    decodes it. Raises OSError.
    """
    import PIL

    status = path.stat()
    facts = (
        *(DECODING, PIL.__version__, os.path.abspath(path)),  # noqa: PTH100
        *(status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns),
    )
    return blake2b(os.fsencode("\0".join(map(str, facts))), digest_size=16).digest()


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
        self._places: dict[Path, Place] = {}
        self._waiting: dict[Path, Decoded] = {}
        self._waiting_bytes = 0
        # What was looked for and not found; its key is that of before it was decoded.
        self._missing: dict[Path, bytes] = {}
        self._failed = False
        self._files: ImageFiles | None = None
        try:
            self._files = ImageFiles(self.folder, self._say)
        except OSError as error:
            self._cannot("read", error)

    def get(self, path: Path) -> Opened | None:
        """The image of a file; None where it is not kept."""
        place = self._places.get(path)
        if place is None:
            waiting = self._waiting.get(path)
            if waiting is not None:
                return image_of(waiting.pixels, waiting.size), waiting.digest
            place = self._found(path)
        pixels = None if place is None else place.read()
        if place is None or pixels is None:
            return None
        return image_of(pixels, (place.width, place.height)), place.digest

    def put(self, path: Path, image: Image, digest: bytes | None) -> None:
        """Keep an image that `get` did not have, unless its file has changed since then."""
        if self._closed or digest is None:
            return
        key = self._missing.pop(path, None)
        if key is None or not _is_still(path, key):
            return
        decoded = Decoded(key, digest, image.tobytes(), image.size)
        with self._lock:
            self._waiting[path] = decoded
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

    def _found(self, path: Path) -> Place | None:
        """The place of a file that this run has not met yet, with sound pixels."""
        if self._files is None or (self._closed and path in self._missing):
            return None
        try:
            key = key_of(path)
        except (OSError, ValueError):  # decoding it says what is wrong
            return None
        with self._lock:
            place = self._files.find(key)
        if place is not None and place.sound():
            with self._lock:
                self._take(path, place)
            return place
        if place is not None:
            self._say(f"{self.folder}: holds damaged images, which are decoded anew")
        self._missing[path] = key
        return None

    def _take(self, path: Path, place: Place) -> None:
        if path not in self._places:
            self._places[path] = place
            self.count += 1
            self.bytes += place.length

    def _write(self) -> None:
        """Write what waits; the lock is held."""
        waiting = list(self._waiting.items())
        if not waiting or self._files is None:
            return
        try:
            places = self._files.append([decoded for _, decoded in waiting], self._bound)
            for (path, _), place in zip(waiting, places, strict=False):
                self._take(path, place)
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
            report.say(line)

    def _cannot(self, what: str, error: Exception) -> None:
        self._say(
            f"{self.folder}: images cannot be {what} ({reason(error)}); training goes on, and what"
            " is not there is decoded each time"
        )


def _is_still(path: Path, key: bytes) -> bool:
    try:
        return key_of(path) == key
    except OSError:
        return False
