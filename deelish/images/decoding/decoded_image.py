"""A decoded image, and one that is decoded when its pixels are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from deelish.images.decoding.reducing import Scale, is_right_scale
from deelish.images.pixels import Pixels


class DecodedImage(NamedTuple):
    """An image as it was decoded, upright.

    pixels: uint8 (h, w, 3), or (h, w, 4) with a last byte that means nothing; do not write to
    them.  scale: see `reducing`; None for what is no JPEG file.  digest: of its file, where it was
    computed.  damage: what is wrong with its file, which was decoded nevertheless, or "".
    """

    pixels: Pixels
    scale: Scale
    digest: bytes | None = None
    damage: str = ""

    def has_scale_for(self, resize_size: int | None) -> bool:
        """Whether a resize to resize_size starts from an image of this scale."""
        height, width, _ = self.pixels.shape
        return is_right_scale(width, height, self.scale, resize_size)


class LazyImage:
    """One image, which `decode` decodes for a resize: once for each scale."""

    def __init__(self, decode: Callable[[int | None], DecodedImage]) -> None:
        self._decode = decode
        self._decoded: list[DecodedImage] = []

    def at(self, resize_size: int | None) -> DecodedImage:
        """The image for a resize to resize_size, or whole; raises what `decode` does."""
        for image in self._decoded:
            if image.has_scale_for(resize_size):
                return image
        self._decoded.append(self._decode(resize_size))
        return self._decoded[-1]

    @property
    def damage(self) -> str:
        """What is wrong with its file, as far as it was decoded, or ""."""
        for image in self._decoded:
            if image.damage:
                return image.damage
        return ""
