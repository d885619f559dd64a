"""What a cache of decoded images does: later epochs decode nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod

from deelish.common.printing import amount
from deelish.common.processes import ALONE, Group
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.sample import Location

MEMORY, DISK = "memory", "disk"


class ImageCache(ABC):
    """Caches images as they were decoded, so that every view can be cut: large JPEGs at each scale.

    An image is taken to be what it was when this cache first saw it. Threads may share a cache.

    Attributes:
        digests: whether `put` needs the digest of a file in any case.
        count, bytes: images that are cached, and their pixels.
        full: whether images were refused since the limit is reached.
    """

    where: str
    digests = False

    def __init__(self) -> None:
        self.count, self.bytes = 0, 0
        self.full = False

    @abstractmethod
    def get(self, location: Location, resize_size: int | None) -> DecodedImage | None:
        """The image for a resize to resize_size, or whole; None where it is not cached."""

    @abstractmethod
    def put(self, location: Location, resize_size: int | None, image: DecodedImage) -> None:
        """Cache an image that `get` did not have, as far as there is room."""

    @abstractmethod
    def flush(self) -> None:
        """Called at the end of every epoch."""

    def summary(self, images: int, group: Group = ALONE) -> str:
        """What is cached of so many images, by all processes together, in one line."""
        count, size, full = map(round, group.all_sum([self.count, self.bytes, self.full]))
        room, again = amount(size), images - count
        if again <= 0:
            return f"decoded images: {count:,} cached {self.where}, {room}"
        room += ", the limit" if full else ""
        return (
            f"decoded images: {count:,} cached {self.where} ({room}); {again:,} are decoded again"
            " in every epoch"
        )
