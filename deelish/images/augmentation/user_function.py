"""A user's own augmentation: a function of pixels and a generator, checked while it is used."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from deelish.errors import TrainingError, first_line
from deelish.images.augmentation.draws import generator_of
from deelish.images.pixels import Pixels

Function = Callable[[Pixels, np.random.Generator], Pixels]

# So many images are checked first, and then one of so many.
CHECKED_FIRST = 32
CHECKED_LATER = 64


class UserFunction:
    """A function (uint8 (h, w, 3), numpy Generator) -> uint8 of the same shape.

    The first images, and then one in 64, go through it twice with equal generators: a function that
    draws from another generator gives two results, and its views would not come back.

    What is wrong with it is a TrainingError, not a DataError: it is no fault of the image, and
    on_bad_image="skip" must not leave images out for it.

    key: what names the function in the teacher cache, which cannot know its code.
    """

    name = "function"

    def __init__(self, function: Function, key: str) -> None:
        self.options = {"key": key}
        self._function = function
        self._lock = Lock()
        self._images = 0

    def apply(self, pixels: Pixels, seed: int, position: int) -> Pixels:
        """What the function makes of the pixels (size, size, 3); it gets a copy of them.

        Raises:
            TrainingError: it fails, returns something else, or draws from another generator.
        """
        result = self._call(pixels, generator_of(seed, position))
        if self._is_checked():
            again = self._call(pixels, generator_of(seed, position))
            if not np.array_equal(result, again):
                raise TrainingError(
                    f"{self} gives two results for one image and equal generators; draw from the"
                    " generator that it is given, and from no other (numpy.random, random, torch)"
                )
        return result

    def _is_checked(self) -> bool:
        with self._lock:
            self._images += 1
            return self._images <= CHECKED_FIRST or self._images % CHECKED_LATER == 0

    def _call(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        try:
            result: Any = self._function(np.array(pixels), generator)
        except Exception as error:
            raise TrainingError(
                f"{self} fails with {type(error).__name__}: {first_line(error)}; it gets an image"
                f" uint8 {pixels.shape} and a numpy Generator"
            ) from error
        kind = type(result).__name__
        if isinstance(result, np.ndarray):
            if result.dtype == np.uint8 and result.shape == pixels.shape:
                return result
            kind = f"{result.dtype} {result.shape}"
        raise TrainingError(f"{self} returns {kind}; it must return uint8 {pixels.shape}")

    def __str__(self) -> str:
        name = getattr(self._function, "__name__", type(self._function).__name__)
        return f"InputBatch(augment=...): the function {name} (key={self.options['key']!r})"

    def __repr__(self) -> str:
        return f"function(key={self.options['key']!r})"
