"""Images with noise on them, for a network that learns to remove it."""

from __future__ import annotations

from typing import Any

import numpy as np

from deelish.common.checks import is_number
from deelish.errors import DataError
from deelish.network.inputs import ImageTensor, Pictures
from deelish.plan.rendering import Rendering


class NoisyPictures:
    """Pictures whose pixels have normal noise on them, the same one for every network.

    They have no keys, so that nothing caches what a teacher makes of them.
    """

    keys = None

    def __init__(self, pictures: Pictures, deviation: float, seed: int) -> None:
        self._pictures, self._deviation, self._seed = pictures, deviation, seed

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB; grey images stay grey."""
        pixels = self._pictures.pixels(rendering)
        is_grey = bool((pixels[..., :1] == pixels).all())
        shape = (*pixels.shape[:3], 1 if is_grey else 3)
        noise = np.random.default_rng(self._seed).standard_normal(shape, np.float32)
        noisy: np.ndarray = np.rint(pixels + noise * (255 * self._deviation))
        return noisy.clip(0, 255).astype(np.uint8)

    def __len__(self) -> int:
        return len(self._pictures)


class NoisyImages(ImageTensor):
    """Images with noise on them; `origin` is the images without."""

    def __init__(self, images: ImageTensor, deviation: float, seed: int) -> None:
        pictures = NoisyPictures(images.pictures, deviation, seed)
        super().__init__(pictures, images.engine, images.labels, images.viewing)
        self._origin = images if not isinstance(images, NoisyImages) else images.origin

    @property
    def origin(self) -> ImageTensor:
        """The images without the noise."""
        return self._origin


def checked_deviation(deviation: Any) -> float:
    """The deviation of a noise.

    Raises:
        DataError: it is no number above 0.
    """
    if not is_number(deviation) or deviation <= 0:
        raise DataError(
            f"AddNoise(deviation={deviation!r}): give a number above 0, a fraction of the range of"
            " pixels such as 0.5"
        )
    return float(deviation)
