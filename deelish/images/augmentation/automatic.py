"""RandAugment and TrivialAugment: operations drawn from a table, as torchvision has it."""

from __future__ import annotations

from typing import NamedTuple

from deelish.images.augmentation.draws import Draws
from deelish.images.augmentation.operations import PUBLISHED_SIDE, Operation


class Range(NamedTuple):
    """The values of an operation, in even steps; a signed one goes either way from the weakest."""

    weakest: float
    strongest: float
    signed: bool = False


# None: the operation takes no value.
Space = dict[str, Range | None]


def _space(shear: float, translate: float, rotate: float, enhance: float, bits: float) -> Space:
    """The fourteen operations, with the strongest values of those that differ."""
    factor = Range(1, 1 + enhance, signed=True)
    return {
        "identity": None,
        "shear_x": Range(0, shear, signed=True),
        "shear_y": Range(0, shear, signed=True),
        "translate_x": Range(0, translate, signed=True),
        "translate_y": Range(0, translate, signed=True),
        "rotate": Range(0, rotate, signed=True),
        "brightness": factor,
        "saturation": factor,
        "contrast": factor,
        "sharpness": factor,
        "posterize": Range(8, bits),
        "solarize": Range(255, 0),
        "autocontrast": None,
        "equalize": None,
    }


RAND_AUGMENT = _space(shear=0.3, translate=150 / 331, rotate=30, enhance=0.9, bits=4)
WIDE = _space(shear=0.99, translate=32 / PUBLISHED_SIDE, rotate=135, enhance=0.99, bits=2)


def rand_augment(draws: Draws, operations: int, magnitude: int, bins: int) -> list[Operation]:
    """Some of 14 operations in a row, drawn with replacement, all of one magnitude.

    Cubuk et al. 2020, with torchvision's table and defaults: two operations of magnitude 9 on a
    scale of 31 bins, 0 to 30. timm's scale ends at 10, where `rand-m7` is 21 here, and some of its
    operations are others.
    """
    return [_drawn(draws, RAND_AUGMENT, magnitude, bins) for _ in range(operations)]


def trivial_augment(draws: Draws, bins: int) -> list[Operation]:
    """One of 14 operations, of a random magnitude.

    TrivialAugment Wide (Müller and Hutter 2021), with torchvision's table of 31 bins. The published
    shift of up to 32 pixels is a seventh of the side, as it is at 224.
    """
    return [_drawn(draws, WIDE, draws.index(bins), bins)]


def _drawn(draws: Draws, space: Space, magnitude: int, bins: int) -> Operation:
    name = list(space)[draws.index(len(space))]
    span = space[name]
    if span is None:
        return Operation(name)
    step = (span.strongest - span.weakest) * magnitude / (bins - 1)
    negative = span.signed and draws.chance(0.5)
    return Operation(name, (span.weakest + (-step if negative else step),))
