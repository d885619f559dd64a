"""Draws: random numbers from a view's seed, apart for each item of a recipe."""

from __future__ import annotations

import math

import numpy as np


def generator_of(seed: int, position: int) -> np.random.Generator:
    """The generator of the item at this position (0 or more) in the recipe.

    It depends on the view's seed and the position only, so that what one item draws does not change
    what the others draw.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(position,))))


class Draws:
    """The draws of one item for one view, whatever the size that the view is rendered at.

    All come from `Generator.random`. NumPy may change the streams of its other methods, and a view
    that is cached must come back.
    """

    def __init__(self, seed: int, position: int) -> None:
        self._random = generator_of(seed, position).random

    def chance(self, probability: float) -> bool:
        """True with this probability; 1 is always, 0 never."""
        return self._random() < probability

    def uniform(self, low: float, high: float) -> float:
        """Evenly distributed from low to high."""
        return low + (high - low) * self._random()

    def log_uniform(self, low: float, high: float) -> float:
        """Its logarithm is evenly distributed: 1/2 and 2 are as probable."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def index(self, count: int) -> int:
        """One of 0 to count - 1."""
        return int(count * self._random())

    def order(self, count: int) -> list[int]:
        """The numbers 0 to count - 1, in any order."""
        return [int(index) for index in np.argsort(self._random(count))]
