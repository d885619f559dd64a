"""Images that are in memory, resized where they need it: their views are cut many at a time.

The steps that find, check and decode one image take ten times as long as cutting a view of a small
one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from deelish.images.cache.base import ImageCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.decoding.decoded_image import DecodedImage
from deelish.images.pixels import Pixels, pack, packed
from deelish.images.sample import Sample
from deelish.images.views.view import View
from deelish.images.views.window import cut, resized
from deelish.plan.rendering import Rendering


class ReadyImages:
    """The images of a list that a cache has in memory.

    samples: the list.  cache: of decoded images; another than one in memory makes none ready.
    """

    def __init__(self, samples: Sequence[Sample], cache: ImageCache | None) -> None:
        self._samples = samples
        self._cache = cache if isinstance(cache, MemoryCache) else None
        # By the resizes; with its sample: making one again takes a third of the time that a small
        # view takes.
        self._found: dict[frozenset[object], dict[int, tuple[Sample, DecodedImage]]] = {}

    def of(
        self, indices: Sequence[int], renderings: Collection[Rendering]
    ) -> list[tuple[Sample, DecodedImage]] | None:
        """The images at these indices, resized; None unless each is ready for all renderings."""
        if self._cache is None or not renderings:
            return None
        found = self._found.setdefault(frozenset(each.resizing for each in renderings), {})
        images = []
        for index in indices:
            if index not in found:
                sample = self._samples[index]
                image = _resized(self._cache, sample, renderings)
                if image is None:
                    return None
                found[index] = sample, image
            images.append(found[index])
        return images


def _resized(
    cache: MemoryCache, sample: Sample, renderings: Collection[Rendering]
) -> DecodedImage | None:
    """The image where it is cached, as all renderings resize it.

    An image that keeps its aspect is resized for each window, in part, and so is not ready.
    """
    first, *others = renderings
    size = first.resize_size
    image = cache.get(sample.location, size)
    if image is None or any(each.resize_size != size for each in others):
        return None
    if image.pixels.shape[:2] == (size, size):
        return image  # a square that no crop mode changes
    if first.crop_mode != "squash" or any(each.resizing != first.resizing for each in others):
        return None
    whole = image.pixels
    pixels = cache.resized(sample.location, first.resizing, lambda: packed(resized(whole, first)))
    return None if pixels is None else image._replace(pixels=pixels)


def cut_all(
    images: Sequence[DecodedImage], views: Sequence[View], rows: Mapping[Rendering, Pixels]
) -> None:
    """Put the view of each image into its row, for each rendering."""
    for rendering, each in rows.items():
        side = rendering.resize_size
        for image, view, row in zip(images, views, each, strict=True):
            corner = view.corner(rendering, side, side)
            pack(cut(image.pixels, view, rendering, corner), row)
