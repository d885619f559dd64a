"""An image as it was decoded, at each scale that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from deelish.images.decoding.reducing import Scale, serves
from deelish.images.pixels import Pixels


class Opened(NamedTuple):
    """An image as it was decoded, upright.

    pixels: uint8 (h, w, 3), or (h, w, 4) with a last byte that says nothing.  scale: see
    `reducing`; None of what is no JPEG file.  digest: of its file, where that was made.
    """

    pixels: Pixels
    scale: Scale
    digest: bytes | None

    def serves(self, base: int) -> bool:
        """Whether it is the one for base x base pixels."""
        height, width, _ = self.pixels.shape
        return serves(width, height, self.scale, base)


class Frame:
    """One image, which `open_for` opens for images of base x base: once for each scale."""

    def __init__(self, open_for: Callable[[int], Opened]) -> None:
        self._open_for = open_for
        self._opened: list[Opened] = []

    def at(self, base: int) -> Opened:
        """The image for base x base pixels; raises what `open_for` does."""
        for opened in self._opened:
            if opened.serves(base):
                return opened
        self._opened.append(self._open_for(base))
        return self._opened[-1]
