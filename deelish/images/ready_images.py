"""Images that are in memory and need no resize: their views are cut many at a time.

The steps that find, check and decode one image take ten times as long as cutting a view of a small
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from deelish.images.cache.base import ImageCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.pixels import Pixels, pack
from deelish.images.sample import Sample
from deelish.images.views.view import View
from deelish.images.views.window import cut
from deelish.plan.rendering import Rendering


class ReadyImages:
    """The images of a list that a cache has in memory.

    samples: the list.  cache: of decoded images; another than one in memory makes none ready.
    """

    def __init__(self, samples: Sequence[Sample], cache: ImageCache | None) -> None:
        self._samples = samples
        self._cache = cache if isinstance(cache, MemoryCache) else None
        # With its sample: making one again takes a third of the time that a small view takes.
        self._found: dict[int, dict[int, tuple[Sample, DecodedImage]]] = {}

    def of(
        self, indices: Sequence[int], renderings: Iterable[Rendering]
    ) -> list[tuple[Sample, DecodedImage]] | None:
        """The images at these indices; None unless each is ready for all renderings."""
        sizes = {each.resize_size for each in renderings}
        if self._cache is None or len(sizes) != 1:
            return None
        (size,) = sizes
        found = self._found.setdefault(size, {})
        images = []
        for index in indices:
            if index not in found:
                sample = self._samples[index]
                image = _unresized(self._cache, sample, size)
                if image is None:
                    return None
                found[index] = sample, image
            images.append(found[index])
        return images


def _unresized(cache: MemoryCache, sample: Sample, size: int) -> DecodedImage | None:
    """The image where it is cached, and a square that no crop mode changes."""
    image = cache.get(sample.location, size)
    return image if image is not None and image.pixels.shape[:2] == (size, size) else None


def cut_all(
    images: Sequence[DecodedImage], views: Sequence[View], rows: Mapping[Rendering, Pixels]
) -> None:
    """Put the view of each image into its row, for each rendering."""
    for rendering, each in rows.items():
        side = rendering.resize_size
        for image, view, row in zip(images, views, each, strict=True):
            corner = view.corner(rendering, side, side)
            pack(cut(image.pixels, view, rendering, corner), row)
