"""A batch: what its images are, and their pixels at any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deelish.images.pixels import Pixels
from deelish.images.reading import Spec
from deelish.images.views.recipes import Recipe

Render = Callable[[Sequence[Recipe], Spec], Pixels]


class ImageBatch:
    """A batch: its items, their views and labels, and pixels for any size.

    Attributes:
        labels: int64 (n,), true labels; of a mixture, that with the larger share.
        keys: uint8 (n, 16), a name of each image's content, view and mixture, but not of size and
            base, that is the same in every list and run; None where views are fresh.
        asked: the (size, base) pairs that pixels were asked for.
        whole: the images of the batch in all processes together.
        share: this process's part of them, from 0 to 1; 0 where its image only stands in, so that
            it takes part with the others.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        keys: NDArray[np.uint8] | None,
        rendered: dict[Spec, Pixels],
        render_now: Render,
    ) -> None:
        self.recipes = list(recipes)
        self.items = [recipe.shot.item for recipe in recipes]
        self.views = [recipe.shot.view for recipe in recipes]
        self.labels = np.array([recipe.shares[0][0] for recipe in recipes], np.int64)
        self.keys = keys
        self.asked: set[Spec] = set()
        self.whole, self.share = len(self.recipes), 1.0
        self._rendered = rendered
        self._render_now = render_now
        self._whole: tuple[ImageBatch, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self.recipes)

    def pixels(self, size: int, base: int) -> Pixels:
        """RGB pixels (n, size, size, 3) of the views, cut from images of base x base.

        A size that was not asked for before is rendered now, and ahead from then on.
        """
        spec = (size, base)
        self.asked.add(spec)
        if spec not in self._rendered:
            self._rendered[spec] = self._cut(spec)
        return self._rendered[spec]

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.integer] | Sequence[int]) -> ImageBatch:
        """The batch of these rows, by index or by a mask (n,); it asks for sizes as this one."""
        whole, places = self._whole or (self, np.arange(len(self)))
        chosen = np.arange(len(self))[np.asarray(rows, None if len(rows) else np.intp)]
        keys = None if self.keys is None else self.keys[chosen]
        part = ImageBatch([self.recipes[row] for row in chosen], keys, {}, self._render_now)
        part._whole = (whole, places[chosen])
        part.asked = whole.asked
        return part

    def label_shares(self, classes: int) -> NDArray[np.float32] | None:
        """The true labels as probabilities (n, classes); None where no image is mixed."""
        if all(recipe.mixed is None for recipe in self.recipes):
            return None
        shares = np.zeros((len(self), classes), np.float32)
        for row, recipe in zip(shares, self.recipes, strict=True):
            for label, share in recipe.shares:
                row[label] += share
        return shares

    def _cut(self, spec: Spec) -> Pixels:
        """From the batch that this one is part of, if that has them; else rendered now."""
        if self._whole is not None:
            whole, rows = self._whole
            if spec in whole._rendered:
                return whole._rendered[spec][rows]
        return self._render_now(self.recipes, spec)
