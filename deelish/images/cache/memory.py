"""Decoded images cached in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable

from deelish.common.processes import launch
from deelish.images.cache.base import ImageCache
from deelish.images.cache.room import free_memory
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.pixels import Pixels, packed
from deelish.images.sample import Location


class MemoryCache(ImageCache):
    """Images in memory, three bytes a pixel, in half of what is free when the cache is made.

    Of several processes on a machine each takes its part of that half.
    """

    where = "in memory"

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self._limit = free_memory() // (2 * launch().local_world_size) if limit is None else limit
        self._cached: dict[Location, tuple[DecodedImage, ...]] = {}
        self._lock = threading.Lock()
        self._resized: dict[tuple[Location, object], Pixels] = {}
        self._resized_bytes = 0
        self._has_room = True

    def get(self, location: Location, resize_size: int | None) -> DecodedImage | None:
        """The image for a resize to resize_size, or whole; None where it is not cached."""
        return next(
            (one for one in self._cached.get(location, ()) if one.has_scale_for(resize_size)), None
        )

    def put(self, location: Location, resize_size: int | None, image: DecodedImage) -> None:
        """Cache an image while there is room; once there is none, no further one is looked at."""
        if self.full:
            return
        image = image._replace(pixels=packed(image.pixels))
        with self._lock:
            cached = self._cached.get(location, ())
            if any(one.scale == image.scale for one in cached):
                return
            if self.bytes + self._resized_bytes + image.pixels.nbytes > self._limit:
                self.full = True
                return
            self._cached[location] = (*cached, image)
            self.count += not cached
            self.bytes += image.pixels.nbytes

    def resized(
        self, location: Location, how: object, resize: Callable[[], Pixels]
    ) -> Pixels | None:
        """The image at a location as `resize` makes it, once; None where there is no room for it.

        how: what names this way to resize it.
        """
        if (location, how) not in self._resized and self._has_room:
            pixels = resize()
            with self._lock:
                if self.bytes + self._resized_bytes + pixels.nbytes > self._limit:
                    self._has_room = False
                elif (location, how) not in self._resized:
                    self._resized[location, how] = pixels
                    self._resized_bytes += pixels.nbytes
        return self._resized.get((location, how))

    def flush(self) -> None:
        """Nothing waits."""
