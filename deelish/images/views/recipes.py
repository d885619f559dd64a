"""What a place in a batch shows: an image, the view of it, and what it is mixed with."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from deelish.images.sample import Item
from deelish.images.views.mixing import Mixture
from deelish.images.views.view import View

if TYPE_CHECKING:
    from deelish.images.cache.base import ImageCache


@dataclass(frozen=True)
class Showing:
    """How a list is shown.

    mirror: whether views may be mirrored.  views: None for fresh ones in every epoch, K for K
    recorded ones an image, CENTRE for the middle.  mix: None, MIXUP or CUTMIX.  cache: of decoded
    images; it changes none of them.
    """

    mirror: bool = True
    views: int | str | None = None
    mix: str | None = None
    cache: ImageCache | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Shot:
    """One image in one view; digest is that of its file, or None where views are fresh."""

    item: Item
    view: View
    digest: bytes | None = None

    def to_bytes(self) -> bytes:
        """What the pixels hang on: the content of the file, and the view."""
        return (self.digest or b"") + self.view.to_bytes()


@dataclass(frozen=True)
class Recipe:
    """A shot, and how it is mixed with another one, if it is."""

    shot: Shot
    mixed: tuple[Mixture, Shot] | None = None

    @property
    def shares(self) -> list[tuple[int, float]]:
        """The true labels, each with its share; the largest share first."""
        if self.mixed is None:
            return [(self.shot.item.label, 1.0)]
        mixture, partner = self.mixed
        labels = [(self.shot.item.label, mixture.ratio), (partner.item.label, 1 - mixture.ratio)]
        return sorted(labels, key=lambda pair: -pair[1])

    @property
    def key(self) -> bytes | None:
        """16 bytes that name the pixels, whatever the size and base; None where views are fresh."""
        if self.shot.digest is None:
            return None
        parts = [self.shot.to_bytes()]
        if self.mixed is not None:
            parts += [part.to_bytes() for part in self.mixed]
        return blake2b(b"".join(parts), digest_size=16).digest()
