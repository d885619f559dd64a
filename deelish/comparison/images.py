"""The images of a comparison: centre views, the same for every network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from deelish.common.checks import is_fraction
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.loader import Loader
from deelish.images.sample import Sample
from deelish.images.samples import labels_of
from deelish.network.inputs import ImageTensor, Pictures
from deelish.network.viewing import Viewing
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.rendering import Rendering


class Repeated:
    """A batch of `count` images that repeats the given ones. It renders each way once."""

    def __init__(self, pictures: Pictures, count: int) -> None:
        self._pictures, self._count = pictures, count
        self._cut: dict[Rendering, np.ndarray] = {}

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB."""
        if rendering not in self._cut:
            pixels = self._pictures.pixels(rendering)
            self._cut[rendering] = np.resize(pixels, (self._count, *pixels.shape[1:]))
        return self._cut[rendering]

    def __len__(self) -> int:
        return self._count


class ImageList:
    """A list of images in batches, in its order.

    They are centre views of the crop fraction `crop`; None is for each network's own. The teacher
    cache is not used: its logits are rounded, and the network itself is measured.

    preprocessings: those of all networks, whose views the loader renders ahead.
    """

    def __init__(
        self,
        items: Sequence[Sample],
        engine: Engine,
        preprocessings: Sequence[Preprocessing],
        crop: float | None,
        batch_size: int,
    ) -> None:
        self.items, self.preprocessings, self.crop = items, list(preprocessings), crop
        self.engine, self.batch_size = engine, batch_size

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label of each (n,); none at all where they have none."""
        labels = labels_of(self.items)
        return np.empty(0, np.int64) if labels is None else labels.astype(np.int64)

    def __iter__(self) -> Iterator[ImageTensor]:
        loader = Loader(self.items, batch_size=self.batch_size, seed=0)
        loader.renderings |= {each.rendering(self.crop) for each in self.preprocessings}
        with closing(loader.batches(0, training=False)) as batches:
            for batch in batches:
                yield self._tensor(batch)

    def of(self, items: Sequence[Sample]) -> ImageList:
        """Other images, rendered in the same way."""
        return ImageList(items, self.engine, self.preprocessings, self.crop, self.batch_size)

    def some(self, count: int) -> ImageList:
        """At most `count` of them, spread evenly over the list, since it may be sorted by class."""
        indices = np.linspace(0, len(self.items) - 1, min(count, len(self.items)))
        return self.of([self.items[round(index)] for index in indices])

    def repeated(self, count: int) -> ImageTensor:
        """A batch of `count` images: the first of the list, repeated where it is shorter."""
        first = ImageList(self.items[:count], self.engine, self.preprocessings, self.crop, count)
        images = next(iter(first))
        return self._tensor(Repeated(images.pictures, count))

    def _tensor(self, pictures: Pictures) -> ImageTensor:
        return ImageTensor(pictures, self.engine, viewing=Viewing(crop=self.crop))


def checked_crop(crop: float | None) -> float | None:
    """The crop fraction of the views, checked; None for each network's own.

    Raises:
        DataError: it is no number above 0 and up to 1.
    """
    if crop is not None and not is_fraction(crop):
        raise DataError(
            f"Compare(crop={crop!r}): give the crop fraction, the part of an image's side that a"
            " view shows, above 0 and up to 1; 1 shows the whole image"
        )
    return crop
