"""Boxes drawn by their area and ratio: the random resized crop, and random erasing."""

from __future__ import annotations

import math

from deelish.images.augmentation.draws import Draws
from deelish.images.augmentation.operations import Operation

# Left, top, right and bottom, as fractions of the width and the height.
Box = tuple[float, float, float, float]
Pair = tuple[float, float]

TRIES = 10


def random_resized_crop(draws: Draws, aspect: float, scale: Pair, ratio: Pair) -> Box:
    """A box of random area and ratio; every network renders it to its size, stretched.

    The crop of Inception (Szegedy et al. 2015), as torchvision and timm draw it: the area is even
    in `scale`, a fraction of the image's; the ratio, width to height, is even in its logarithm.
    After ten boxes that do not fit the image, it is the largest centred one within the ratios.

    Args:
        aspect: the image's width to its height.
    """
    for _ in range(TRIES):
        area, shape = draws.uniform(*scale), draws.log_uniform(*ratio)
        width, height = math.sqrt(area * shape / aspect), math.sqrt(area / shape * aspect)
        if width <= 1 and height <= 1:
            return _placed(draws.uniform(0, 1), draws.uniform(0, 1), width, height)
    shape = min(max(aspect, ratio[0]), ratio[1])
    return _placed(0.5, 0.5, min(1, shape / aspect), min(1, aspect / shape))


def random_erasing(draws: Draws, p: float, scale: Pair, ratio: Pair) -> list[Operation]:
    """A box of random area and ratio is filled with ImageNet's mean colour.

    Zhong et al. 2020, with the defaults of timm. There the box is filled after the pixels are
    normalised, with 0, which is the mean colour; here before that, so that networks of different
    normalisation see one image.
    """
    if draws.chance(p):
        for _ in range(TRIES):
            area, shape = draws.uniform(*scale), draws.log_uniform(*ratio)
            width, height = math.sqrt(area * shape), math.sqrt(area / shape)
            if width < 1 and height < 1:
                box = _placed(draws.uniform(0, 1), draws.uniform(0, 1), width, height)
                return [Operation("erase", box)]
    return []


def _placed(left: float, top: float, width: float, height: float) -> Box:
    """The box with its left and top given as fractions of its free margin."""
    left, top = left * (1 - width), top * (1 - height)
    return left, top, min(1.0, left + width), min(1.0, top + height)
