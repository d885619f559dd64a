"""Decoded images cached on disk, for every run that shows the same files."""

from __future__ import annotations

import os
import threading
from hashlib import blake2b
from pathlib import Path

import numpy as np

from deelish.common.printing import Once
from deelish.errors import FileError, reason
from deelish.images.cache.base import ImageCache
from deelish.images.cache.pixel_files import PixelFiles
from deelish.images.cache.room import free_disk
from deelish.images.cache.stored_image import StoredImage, WaitingImage
from deelish.images.decoding.decode import DECODING
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.decoding.jpeg import jpeg_decoder
from deelish.images.decoding.reducing import ALL_SCALES, Scale, is_right_scale
from deelish.images.pixels import packed
from deelish.images.sample import Location
from deelish.images.shards.members import Member
from deelish.storage.folder import cache_folder

FOLDER = "images"
# Images are written when so many bytes of them wait, and at the end of an epoch.
WAITING = 1 << 22


def images_folder() -> Path:
    """The folder of the decoded-image cache."""
    return cache_folder() / FOLDER


def key_of(location: Location) -> bytes:
    """16 bytes for all that the pixels of a file depend on, without reading it.

    Those are its path, size, inode and the times of its last change; and what decodes it. Of an
    image in a shard they are those of the shard when it was indexed, and the image's offset there.
    Raises OSError.
    """
    import PIL

    if isinstance(location, Member):
        about: tuple[object, ...] = location.facts()
    else:
        status = location.stat()
        path = os.path.abspath(location)  # noqa: PTH100
        about = (path, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    facts = (DECODING, PIL.__version__, *jpeg_decoder(), *about)
    return blake2b(os.fsencode("\0".join(map(str, facts))), digest_size=16).digest()


def key_at(key: bytes, scale: Scale) -> bytes:
    """16 bytes for the pixels that a file of this key has at a scale."""
    return blake2b(key + bytes([scale or 0]), digest_size=16).digest()


class DiskCache(ImageCache):
    """Images in one file of the cache, in at most half of the room that the disk has for it.

    No damage, no full disk and no missing permission ends a training: one line reports it, and
    what cannot be cached is decoded each time.
    """

    where = "on disk"
    digests = True

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = folder or images_folder()
        self._once = Once()
        self._lock = threading.Lock()
        self._stored: dict[tuple[Location, Scale], StoredImage] = {}
        self._waiting: dict[tuple[Location, Scale], WaitingImage] = {}
        self._waiting_bytes = 0
        # The key that an image had before it was decoded: of what was looked for and not found.
        self._missing: dict[tuple[Location, int | None], bytes] = {}
        self._failed = False
        self._files: PixelFiles | None = None
        try:
            self._files = PixelFiles(self.folder, self._once.say)
        except OSError as error:
            self._cannot("read", error)

    def get(self, location: Location, resize_size: int | None) -> DecodedImage | None:
        """The image for a resize to resize_size, or whole; None where it is not cached."""
        for scale in ALL_SCALES:
            image = self._stored.get((location, scale)) or self._waiting.get((location, scale))
            if image is not None and is_right_scale(image.width, image.height, scale, resize_size):
                return _decoded(image, scale)
        found = self._found(location, resize_size)
        return None if found is None else _decoded(*found)

    def put(self, location: Location, resize_size: int | None, image: DecodedImage) -> None:
        """Cache an image that `get` did not have, unless its file has changed since then.

        Nor is a damaged one cached, so that every run reports it.
        """
        if self._closed or image.digest is None or image.damage:
            return
        key = self._missing.pop((location, resize_size), None)
        if key is None or not _is_still(location, key):
            return
        height, width, _ = image.pixels.shape
        pixels, key = packed(image.pixels).tobytes(), key_at(key, image.scale)
        waiting = WaitingImage(key, image.digest, pixels, width, height)
        with self._lock:
            self._waiting[location, image.scale] = waiting
            self._waiting_bytes += len(waiting.pixels)
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

    def _found(
        self, location: Location, resize_size: int | None
    ) -> tuple[StoredImage, Scale] | None:
        """The stored image that this run has not met yet, with sound pixels; its scale."""
        if self._files is None or (self._closed and (location, resize_size) in self._missing):
            return None
        try:
            key = key_of(location)
        except (OSError, ValueError):  # decoding it says what is wrong
            return None
        with self._lock:
            images = self._files.find([key_at(key, scale) for scale in ALL_SCALES])
        for image, scale in zip(images, ALL_SCALES, strict=True):
            if image is None or not is_right_scale(image.width, image.height, scale, resize_size):
                continue
            if image.sound():
                with self._lock:
                    self._take((location, scale), image)
                return image, scale
            self._once.say(f"{self.folder}: holds damaged images, which are decoded again")
        self._missing[location, resize_size] = key
        return None

    def _take(self, which: tuple[Location, Scale], image: StoredImage) -> None:
        if which not in self._stored:
            self.count += all((which[0], scale) not in self._stored for scale in ALL_SCALES)
            self._stored[which] = image
            self.bytes += image.length

    def _write(self) -> None:
        """Write what waits; the lock is held."""
        waiting = list(self._waiting.items())
        if not waiting or self._files is None:
            return
        try:
            stored = self._files.append([decoded for _, decoded in waiting], self._limit)
            for (which, _), image in zip(waiting, stored, strict=False):
                self._take(which, image)
            self.full = len(stored) < len(waiting)
        except (OSError, FileError) as error:
            self._failed = True
            self._cannot("cached", error)
        self._waiting, self._waiting_bytes = {}, 0

    def _limit(self, there: int) -> int:
        """How many bytes of pixels there may be, where so many are there."""
        return (there + free_disk(self.folder)) // 2

    def _cannot(self, what: str, error: Exception) -> None:
        self._once.say(
            f"{self.folder}: decoded images cannot be {what} ({reason(error)}); training goes on,"
            " and what is not there is decoded each time"
        )


def _decoded(image: StoredImage | WaitingImage, scale: Scale) -> DecodedImage | None:
    pixels = image.read()
    if pixels is None:
        return None
    shape = (image.height, image.width, 3)
    return DecodedImage(np.frombuffer(pixels, np.uint8).reshape(shape), scale, image.digest)


def _is_still(location: Location, key: bytes) -> bool:
    try:
        return key_of(location) == key
    except OSError:
        return False
