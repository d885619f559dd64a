"""Photographs made of smooth shapes, edges and fine grain, for comparisons of rendered pixels."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image


def photograph(width: int, height: int) -> Image.Image:
    """A photograph of this size: large shapes, some straight edges, and a little grain."""
    return Image.fromarray(_pixels(width, height))


@functools.lru_cache(maxsize=8)  # several hundred comparisons share a few sizes
def _pixels(width: int, height: int) -> np.ndarray:
    rng = np.random.default_rng(width * 10_000 + height)
    coarse = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    pixels = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    for _ in range(6):
        left, top = rng.integers(0, width), rng.integers(0, height)
        pixels[top : top + height // 4, left : left + width // 4] = rng.integers(0, 256, 3)
    grain = rng.normal(0, 4, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)
