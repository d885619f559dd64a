"""Images to run a model on where there are none yet: grey ones, and noise."""

from __future__ import annotations

import numpy as np

from deelish.plan.preprocessing import Preprocessing


def grey(preprocessing: Preprocessing, count: int = 2) -> np.ndarray:
    """Grey images as a model's input: float32 (count, channels, size, size)."""
    size = preprocessing.size
    return preprocessing.apply(np.full((count, size, size, 3), 128, np.uint8))


def noise(preprocessing: Preprocessing) -> np.ndarray:
    """Two images of noise as a model's input, always the same.

    Of what grey images give, a rectifier may change nothing by chance.
    """
    size = preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    return preprocessing.apply(pixels)
