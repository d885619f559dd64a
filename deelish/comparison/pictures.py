"""The images of a comparison, in centre views, the same for every network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np

from deelish.common.checks import is_fraction
from deelish.errors import DataError
from deelish.images.loader import Loader
from deelish.images.sample import Item
from deelish.language.session import current_session
from deelish.network.tensors import ImageTensor, Picture
from deelish.plan.preprocessing import Preprocessing


class Centre:
    """Images whose views show `crop` of a side; left out, each network's own share."""

    # Nothing is taken from kept answers: they may be rounded, and the network itself is measured.
    keys = None

    def __init__(self, pictures: Picture, crop: float | None) -> None:
        self._pictures, self._crop = pictures, crop

    def pixels(self, size: int, base: int) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB."""
        if self._crop is not None:
            base = Preprocessing(size, crop=self._crop).resize_size()
        return self._pictures.pixels(size, base)

    def __len__(self) -> int:
        return len(self._pictures)


class Repeated:
    """So many images: the given ones, again and again; each size is cut once and kept."""

    keys = None

    def __init__(self, pictures: Picture, count: int) -> None:
        self._pictures, self._count = pictures, count
        self._kept: dict[tuple[int, int], np.ndarray] = {}

    def pixels(self, size: int, base: int) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB."""
        if (size, base) not in self._kept:
            pixels = self._pictures.pixels(size, base)
            self._kept[size, base] = np.resize(pixels, (self._count, *pixels.shape[1:]))
        return self._kept[size, base]

    def __len__(self) -> int:
        return self._count


class ImageList:
    """A list of images in batches, in its order, each with its labels, int64 (n,).

    preprocessings: the preprocessing of each network, whose sizes are cut ahead.
    """

    def __init__(
        self,
        items: Sequence[Item],
        preprocessings: Sequence[Preprocessing],
        crop: float | None,
        batch_size: int,
    ) -> None:
        self.items, self.preprocessings, self.crop = list(items), list(preprocessings), crop
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[ImageTensor, np.ndarray]]:
        loader = Loader(self.items, batch_size=self.batch_size, seed=0)
        loader.wanted |= {(p.size, cut_from(p, self.crop)) for p in self.preprocessings}
        with closing(loader.batches(0, training=False)) as batches:
            for batch in batches:
                yield ImageTensor(Centre(batch, self.crop), current_session()), batch.labels

    def some(self, count: int) -> ImageList:
        """So many of them at most, spread evenly over the list, which may be sorted by class."""
        places = np.linspace(0, len(self.items) - 1, min(count, len(self.items)))
        chosen = [self.items[round(place)] for place in places]
        return ImageList(chosen, self.preprocessings, self.crop, self.batch_size)

    def repeated(self, count: int) -> ImageTensor:
        """So many images: the first of the list, again and again where it is short."""
        first = ImageList(self.items[:count], self.preprocessings, self.crop, count)
        images, _ = next(iter(first))
        return ImageTensor(Repeated(images.pictures, count), current_session())


def cut_from(preprocessing: Preprocessing, crop: float | None) -> int:
    """The side of the image that a view is cut from, where `crop` may overrule the share."""
    return preprocessing.resize_size(crop)


def checked_crop(crop: float | None) -> float | None:
    """The share that views show: the one given, else that of the session's InputBatch, else None.

    Raises:
        DataError: it is no number above 0 and up to 1.
    """
    if crop is None:
        sets = current_session().sets
        return None if sets is None else sets.choices.crop
    if not is_fraction(crop):
        raise DataError(
            f"Compare(crop={crop!r}): give the crop fraction, the part of an image's side that a"
            " view shows, above 0 and up to 1; 1 shows the whole image"
        )
    return crop
