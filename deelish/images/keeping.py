"""Decoded images that are kept, so that later epochs decode nothing: what a store does; memory."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deelish.images.room import free_memory
from deelish.processes import ALONE, Group, launch
from deelish.report import amount

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY, DISK = "memory", "disk"

# An image, RGB and upright, and the digest of its file where that was made.
Opened = tuple["Image", bytes | None]


class Keeping(ABC):
    """Keeps images as `decode` gives them, at their own size, so that every view can be cut.

    An image is taken to be what it was when this store first saw it. Threads may share a store.

    Attributes:
        digests: whether `put` wants the digest of a file in any case.
        count, bytes: images that are kept, and their pixels.
        full: whether images were refused as the bound is reached.
    """

    where: str
    digests = False

    def __init__(self) -> None:
        self.count, self.bytes = 0, 0
        self.full = False

    @abstractmethod
    def get(self, path: Path) -> Opened | None:
        """The image of a file; None where it is not kept."""

    @abstractmethod
    def put(self, path: Path, image: Image, digest: bytes | None) -> None:
        """Keep an image that `get` did not have, as far as there is room."""

    @abstractmethod
    def flush(self) -> None:
        """Called at the end of every epoch."""

    def told(self, images: int, group: Group = ALONE) -> str:
        """What is kept of so many images, by all processes together, in one line."""
        count, size, full = map(round, group.sum([self.count, self.bytes, self.full]))
        room, again = amount(size), images - count
        if again <= 0:
            return f"images: {count:,} kept {self.where}, {room}"
        room += ", the bound" if full else ""
        return (
            f"images: {count:,} kept {self.where} ({room}); {again:,} are decoded again in"
            " every epoch"
        )


class _Kept(NamedTuple):
    pixels: bytes
    size: tuple[int, int]
    digest: bytes | None


class MemoryKeeping(Keeping):
    """Images in memory, three bytes a pixel, in half of what is free when the store is made.

    Of several processes on a machine each takes its share of that half.
    """

    where = "in memory"

    def __init__(self, bound: int | None = None) -> None:
        super().__init__()
        self._bound = free_memory() // (2 * launch().local_size) if bound is None else bound
        self._kept: dict[Path, _Kept] = {}
        self._lock = threading.Lock()

    def get(self, path: Path) -> Opened | None:
        """The image of a file; None where it is not kept."""
        kept = self._kept.get(path)
        return None if kept is None else (image_of(kept.pixels, kept.size), kept.digest)

    def put(self, path: Path, image: Image, digest: bytes | None) -> None:
        """Keep an image while there is room; once there is none, no further one is looked at."""
        if self.full:
            return
        pixels = image.tobytes()
        with self._lock:
            if path in self._kept:
                return
            if self.bytes + len(pixels) > self._bound:
                self.full = True
                return
            self._kept[path] = _Kept(pixels, image.size, digest)
            self.count += 1
            self.bytes += len(pixels)

    def flush(self) -> None:
        """Nothing waits."""


def image_of(pixels: bytes, size: tuple[int, int]) -> Image:
    """The image (width, height) of its RGB bytes."""
    from PIL import Image

    return Image.frombytes("RGB", size, pixels)
