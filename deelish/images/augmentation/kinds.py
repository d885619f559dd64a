"""The augmentations that have a name, each with its options and their published defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deelish.images.augmentation.automatic import rand_augment, trivial_augment
from deelish.images.augmentation.colour import (
    blur,
    color_jitter,
    grey,
    horizontal_flip,
    vertical_flip,
)
from deelish.images.augmentation.cropping import random_erasing
from deelish.images.augmentation.operations import Operation

# The name of what chooses the box of a view, before there are pixels.
CROP = "random_resized_crop"
# The name of what takes the place of the view's own mirror.
FLIP = "horizontal_flip"


@dataclass(frozen=True)
class Kind:
    """What a name stands for.

    options: the defaults.  draw: the operations for one view, from its draws and the options; None
    for the crop.
    """

    options: Mapping[str, Any]
    draw: Callable[..., list[Operation]] | None


_JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0, "p": 1}

KINDS: dict[str, Kind] = {
    CROP: Kind({"scale": (0.08, 1), "ratio": (3 / 4, 4 / 3)}, None),
    FLIP: Kind({"p": 0.5}, horizontal_flip),
    "vertical_flip": Kind({"p": 0.5}, vertical_flip),
    "color_jitter": Kind(_JITTER, color_jitter),
    "grey": Kind({"p": 0.2}, grey),
    "blur": Kind({"sigma": (0.1, 2), "p": 0.5}, blur),
    "rand_augment": Kind({"operations": 2, "magnitude": 9, "bins": 31}, rand_augment),
    "trivial_augment": Kind({"bins": 31}, trivial_augment),
    "random_erasing": Kind({"p": 0.5, "scale": (0.02, 1 / 3), "ratio": (0.3, 3.3)}, random_erasing),
}
