"""Images as a notebook shows them: small PNG files inside the page."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from deelish.common.html import beside, picture
from deelish.images.figures import MOST_IMAGES

# Sides in pixels: of a file at most, and as it is shown at least.
LARGEST, SMALLEST = 160, 96


def thumbnails(
    images: np.ndarray, below: Sequence[str] = (), *, noun: str = "image", most: int = MOST_IMAGES
) -> str:
    """The first images (n, 3, h, w), RGB from 0 to 255, as HTML.

    Args:
        images: the images.
        below: HTML below each one.
        noun: what an image is called where it cannot be shown.
        most: how many are shown.
    """
    shown = images[:most]
    texts = [*below, *[""] * len(shown)]
    parts = [
        _thumbnail(image, f"{noun} {number}") + texts[number] for number, image in enumerate(shown)
    ]
    left = len(images) - len(shown)
    return beside([*parts, *([f"and {left} more"] if left else [])])


def _thumbnail(image: np.ndarray, alt: str) -> str:
    from PIL import Image

    pixels = image.transpose(1, 2, 0).clip(0, 255).astype(np.uint8)
    small, content = Image.fromarray(pixels), io.BytesIO()
    small.thumbnail((LARGEST, LARGEST))
    small.save(content, "PNG")
    return f"<div>{picture(content.getvalue(), alt, max(SMALLEST, small.width))}</div>"
