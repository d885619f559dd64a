"""Images that a script gives directly: held in memory, shown in their centre view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from deelish.common.printing import say
from deelish.errors import DataError
from deelish.images.bad_images import damage_line
from deelish.images.decoding.decode import decode_for, read_file, to_rgb
from deelish.images.decoding.decoded_image import DecodedImage, LazyImage
from deelish.images.pixels import Pixels, from_array, packed
from deelish.images.views.view import View
from deelish.images.views.window import ViewedImage
from deelish.plan.rendering import DEFAULT_RENDERING, Rendering

if TYPE_CHECKING:
    from PIL.Image import Image

ImageLike: TypeAlias = "str | Path | Image | np.ndarray"
ImagesLike: TypeAlias = "ImageLike | Sequence[ImageLike]"


class InMemoryImages:
    """One or more images in memory. Their views have no keys, so nothing caches them.

    A file is decoded as in a training; any other image is used as it is, however large.
    """

    keys = None

    def __init__(self, images: Sequence[LazyImage]) -> None:
        self._images = list(images)

    @classmethod
    def of(cls, source: ImagesLike) -> InMemoryImages:
        """A path, a PIL image, a NumPy array (h, w, 3) RGB or (h, w) grey; or a list of these.

        Raises:
            DataError: there is no image, or an array is not an image.
        """
        if isinstance(source, list | tuple) or (
            isinstance(source, np.ndarray) and source.ndim == 4
        ):
            images = [_lazy_image(one) for one in source]
        else:
            images = [_lazy_image(source)]
        if not images:
            raise DataError("Input: an empty list; give at least one image")
        return cls(images)

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: the centres of the images, as this rendering shows them.

        Raises DataError where one side of an image is too much longer than the other.
        """
        centres = (ViewedImage(image, View.centre()) for image in self._images)
        return np.stack([packed(each.window(rendering)) for each in centres])

    def __len__(self) -> int:
        return len(self._images)


def _lazy_image(source: object) -> LazyImage:
    if isinstance(source, str | Path):
        # The bytes are held, as another resize_size may need another scale of them.
        path, data = source, read_file(source)
        image = LazyImage(lambda resize_size: decode_for(path, resize_size, data))
        image.at(DEFAULT_RENDERING.resize_size)  # so that a bad file is refused here
        if image.damage:
            say(damage_line(str(path), image.damage))
        return image
    decoded = DecodedImage(_pixels(source), None)
    return LazyImage(lambda _: decoded)


def _pixels(source: object) -> Pixels:
    from PIL import Image

    if isinstance(source, Image.Image):
        # A copy, as the user may draw on the image.
        return np.array(packed(to_rgb(source)))
    if isinstance(source, np.ndarray):
        return from_array(source)
    raise DataError(
        f"Input: {type(source).__name__} is no image; give a path, a PIL image, or a NumPy array"
        " (height, width, 3) in RGB"
    )
