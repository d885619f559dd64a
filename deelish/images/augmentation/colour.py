"""Flips and changes of colour, each with its published defaults."""

from __future__ import annotations

from deelish.images.augmentation.cropping import Pair
from deelish.images.augmentation.draws import Draws
from deelish.images.augmentation.operations import Operation

# What the color jitter changes, with the value that changes nothing.
NEUTRAL = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0}


def horizontal_flip(draws: Draws, p: float) -> list[Operation]:
    """Mirrored left to right; 0.5 as in every published recipe."""
    return [Operation("mirror")] if draws.chance(p) else []


def vertical_flip(draws: Draws, p: float) -> list[Operation]:
    """Mirrored top to bottom; 0.5 as in torchvision."""
    return [Operation("flip")] if draws.chance(p) else []


def color_jitter(draws: Draws, p: float, **ranges: Pair) -> list[Operation]:
    """Random factors on brightness, contrast and saturation, and a random turn of the hue.

    As torchvision's ColorJitter: the order is random. The defaults (0.4, and the hue as it is) are
    timm's `color_jitter`. Krizhevsky et al. 2012 and Howard 2013 had the first of its kind.
    """
    if not draws.chance(p):
        return []
    order = [list(NEUTRAL)[index] for index in draws.order(len(NEUTRAL))]
    values = {name: draws.uniform(*ranges[name]) for name in NEUTRAL}
    return [
        Operation(name, (values[name],)) for name in order if ranges[name] != (NEUTRAL[name],) * 2
    ]


def grey(draws: Draws, p: float) -> list[Operation]:
    """Without colour, in three equal channels; 0.2 as in SimCLR (Chen et al. 2020) and MoCo v2."""
    return [Operation("grey")] if draws.chance(p) else []


def blur(draws: Draws, sigma: Pair, p: float) -> list[Operation]:
    """Gaussian blur by Pillow, as in MoCo v2 (Chen et al. 2020).

    sigma is in pixels of an image of 224 x 224; at other sizes it is as large a part of the image.
    """
    return [Operation("blur", (draws.uniform(*sigma),))] if draws.chance(p) else []
