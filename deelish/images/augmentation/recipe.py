"""An augmentation: the whole recipe, a row of items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from deelish.images.augmentation.cropping import Box, random_resized_crop
from deelish.images.augmentation.draws import Draws
from deelish.images.augmentation.kinds import CROP, FLIP, KINDS
from deelish.images.augmentation.operations import Operation, perform
from deelish.images.augmentation.user_function import UserFunction
from deelish.images.pixels import Pixels

# Raise it when the same recipe and seed give other pixels than before: it is part of cache keys.
VERSION = 1


@dataclass(frozen=True)
class NamedItem:
    """An augmentation by name, with all of its options."""

    name: str
    options: Mapping[str, Any] = field(hash=False)

    def operations(self, seed: int, position: int) -> list[Operation]:
        """What it does to a view, at every size; nothing for the crop, which is a box."""
        draw = KINDS[self.name].draw
        return [] if draw is None else draw(Draws(seed, position), **self.options)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={_shown(value)}" for name, value in self.options.items())
        return f"{self.name}({options})"


@dataclass(frozen=True, repr=False)
class Augmentation:
    """A recipe: its items change a view one after the other.

    Everything is drawn from the seed of the view and an item's position, so that a view is the same
    in every run, thread and process, and at every size: teacher and student see one picture.
    """

    items: tuple[NamedItem | UserFunction, ...]

    def apply(self, pixels: Pixels, seed: int) -> Pixels:
        """The pixels uint8 (size, size, 3) of the view with this seed (0 or more), augmented.

        They may be the same array; do not write to them.

        Raises:
            TrainingError: a user's function is at fault.
        """
        waiting: list[Operation] = []
        for position, item in enumerate(self.items):
            if isinstance(item, UserFunction):
                pixels = item.apply(perform(waiting, pixels), seed, position)
                waiting = []
            else:
                waiting += item.operations(seed, position)
        return perform(waiting, pixels)

    def box(self, width: int, height: int, seed: int) -> Box | None:
        """What the view with this seed shows of an image (width, height), as fractions of both.

        None without a random resized crop. Only the ratio of the sides counts.
        """
        position = self._position(CROP)
        if position is None:
            return None
        options = self.items[position].options
        return random_resized_crop(Draws(seed, position), width / height, **options)

    @property
    def crops(self) -> bool:
        """Whether it has a random resized crop: its views have boxes."""
        return self._position(CROP) is not None

    @property
    def flips(self) -> bool:
        """Whether it has a horizontal flip, which takes the place of the view's mirror."""
        return self._position(FLIP) is not None

    def _position(self, name: str) -> int | None:
        names = [item.name for item in self.items]
        return names.index(name) if name in names else None

    def to_bytes(self) -> bytes:
        """What the pixels depend on, beside the view: every item, with all options."""
        row = [[item.name, dict(item.options)] for item in self.items]
        return json.dumps([VERSION, *row], sort_keys=True).encode()

    @cached_property
    def digest(self) -> bytes:
        """16 bytes that name the recipe."""
        return blake2b(self.to_bytes(), digest_size=16).digest()

    def __repr__(self) -> str:
        return ", ".join(map(repr, self.items))


def _shown(value: Any) -> str:
    """A number, or a pair of them, in at most four digits."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return f"{value:.4g}"
