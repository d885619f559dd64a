"""Decoded images that are kept, so that later epochs decode nothing: what a store does; memory."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from deelish.common.printing import amount
from deelish.common.processes import ALONE, Group, launch
from deelish.images.cache.room import free_memory
from deelish.images.decoding.frames import Opened
from deelish.images.pixels import packed
from deelish.images.sample import Origin

MEMORY, DISK = "memory", "disk"


class Keeping(ABC):
    """Keeps images as they were decoded, so that every view can be cut: large JPEGs at each scale.

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
    def get(self, origin: Origin, base: int) -> Opened | None:
        """The image of a file for base x base pixels; None where it is not kept."""

    @abstractmethod
    def put(self, origin: Origin, base: int, opened: Opened) -> None:
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


class MemoryKeeping(Keeping):
    """Images in memory, three bytes a pixel, in half of what is free when the store is made.

    Of several processes on a machine each takes its share of that half.
    """

    where = "in memory"

    def __init__(self, bound: int | None = None) -> None:
        super().__init__()
        self._bound = free_memory() // (2 * launch().local_size) if bound is None else bound
        self._kept: dict[Origin, tuple[Opened, ...]] = {}
        self._lock = threading.Lock()

    def get(self, origin: Origin, base: int) -> Opened | None:
        """The image of a file for base x base pixels; None where it is not kept."""
        return next((one for one in self._kept.get(origin, ()) if one.serves(base)), None)

    def put(self, origin: Origin, base: int, opened: Opened) -> None:
        """Keep an image while there is room; once there is none, no further one is looked at."""
        if self.full:
            return
        opened = opened._replace(pixels=packed(opened.pixels))
        with self._lock:
            kept = self._kept.get(origin, ())
            if any(one.scale == opened.scale for one in kept):
                return
            if self.bytes + opened.pixels.nbytes > self._bound:
                self.full = True
                return
            self._kept[origin] = (*kept, opened)
            self.count += not kept
            self.bytes += opened.pixels.nbytes

    def flush(self) -> None:
        """Nothing waits."""
