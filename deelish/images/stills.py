"""Images given at the prompt, in memory, seen in their centre view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deelish.errors import DataError
from deelish.images.decode import decode, from_array, to_rgb
from deelish.images.views import View, render

if TYPE_CHECKING:
    from PIL.Image import Image

    One = str | Path | Image | np.ndarray
    Source = One | Sequence[One]


class Stills:
    """One or more images in memory, in views that no key names."""

    keys = None

    def __init__(self, images: Sequence[Image]) -> None:
        self.images = list(images)

    @classmethod
    def of(cls, source: Source) -> Stills:
        """A path, a PIL image, a NumPy array (h, w, 3) RGB or (h, w) grey; or a list of these.

        Raises:
            DataError: no image there, or an array that is none.
        """
        if isinstance(source, list | tuple) or (
            isinstance(source, np.ndarray) and source.ndim == 4
        ):
            images = [_image(one) for one in source]
        else:
            images = [_image(source)]
        if not images:
            raise DataError("Input: an empty list; give at least one image")
        return cls(images)

    def pixels(self, size: int, base: int) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: the centre of each image made base x base."""
        return np.stack([render(image, View.centre(), size, base) for image in self.images])

    def __len__(self) -> int:
        return len(self.images)


def _image(source: object) -> Image:
    from PIL import Image

    if isinstance(source, str | Path):
        return decode(Path(source))
    if isinstance(source, Image.Image):
        return to_rgb(source)
    if isinstance(source, np.ndarray):
        return from_array(source)
    raise DataError(
        f"Input: {type(source).__name__} is no image; give a path, a PIL image, or a NumPy array"
        " (height, width, 3) in RGB"
    )
