"""Decoded images cached in memory."""

from __future__ import annotations

import threading

from deelish.common.processes import launch
from deelish.images.cache.base import ImageCache
from deelish.images.cache.room import free_memory
from deelish.images.decoding.frames import Opened
from deelish.images.pixels import packed
from deelish.images.sample import Origin


class MemoryCache(ImageCache):
    """Images in memory, three bytes a pixel, in half of what is free when the cache is made.

    Of several processes on a machine each takes its part of that half.
    """

    where = "in memory"

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._limit = free_memory() // (2 * launch().local_size) if limit is None else limit
        self._cached: dict[Origin, tuple[Opened, ...]] = {}
        self._lock = threading.Lock()

    def get(self, origin: Origin, base: int) -> Opened | None:
        """The image of a file for base x base pixels; None where it is not cached."""
        return next((one for one in self._cached.get(origin, ()) if one.serves(base)), None)

    def put(self, origin: Origin, base: int, opened: Opened) -> None:
        """Cache an image while there is room; once there is none, no further one is looked at."""
        if self.full:
            return
        opened = opened._replace(pixels=packed(opened.pixels))
        with self._lock:
            cached = self._cached.get(origin, ())
            if any(one.scale == opened.scale for one in cached):
                return
            if self.bytes + opened.pixels.nbytes > self._limit:
                self.full = True
                return
            self._cached[origin] = (*cached, opened)
            self.count += not cached
            self.bytes += opened.pixels.nbytes

    def flush(self) -> None:
        """Nothing waits."""
