"""One entry of a batch: an image, the view of it, and what it is mixed with."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b

from deelish.errors import TrainingError
from deelish.images.augmentation.recipe import Augmentation
from deelish.images.pixels import Pixels, packed
from deelish.images.sample import Sample
from deelish.images.views.mixing import Mixture
from deelish.images.views.view import View


@dataclass(frozen=True)
class SampleView:
    """One image in one view; digest is that of its file, or None where views are fresh.

    augmentation: what changes the view's pixels, by draws from the view's seed.
    """

    sample: Sample
    view: View
    digest: bytes | None = None
    augmentation: Augmentation | None = None

    def to_bytes(self) -> bytes:
        """What the pixels depend on: the content of the file, the view, and its augmentation."""
        data = (self.digest or b"") + self.view.to_bytes()
        if self.augmentation is None:
            return data
        return data + struct.pack("<q", self.view.seed) + self.augmentation.digest

    def augmented(self, pixels: Pixels) -> Pixels:
        """The pixels (size, size, 3 or 4) of the view, augmented; do not write to them.

        Raises TrainingError, with the image, where a user's function is at fault.
        """
        if self.augmentation is None:
            return pixels
        try:
            return self.augmentation.apply(packed(pixels), self.view.seed)
        except TrainingError as error:
            raise TrainingError(f"{self.sample.where}: {error}") from error


@dataclass(frozen=True)
class BatchEntry:
    """An image in its view; where it is mixed, how and with which other one."""

    image: SampleView
    mixed: tuple[Mixture, SampleView] | None = None

    @property
    def label_weights(self) -> list[tuple[int, float]]:
        """The true labels, each with its probability; the most probable first. Or there is none."""
        weights = [(self.image.sample.label, 1.0)]
        if self.mixed is not None:
            mixture, partner = self.mixed
            ratio = mixture.ratio
            weights = [(self.image.sample.label, ratio), (partner.sample.label, 1 - ratio)]
        known = [(label, weight) for label, weight in weights if label is not None]
        return sorted(known, key=lambda pair: -pair[1])

    @property
    def key(self) -> bytes | None:
        """16 bytes that name the pixels, whatever their size; None where views are fresh."""
        if self.image.digest is None:
            return None
        parts = [self.image.to_bytes()]
        if self.mixed is not None:
            parts += [part.to_bytes() for part in self.mixed]
        return blake2b(b"".join(parts), digest_size=16).digest()
