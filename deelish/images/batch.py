"""A batch: what its images are, and their pixels in any rendering."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deelish.images.pixels import Pixels
from deelish.images.views.batch_entry import BatchEntry
from deelish.plan.rendering import Rendering

Render = Callable[[Sequence[BatchEntry], Rendering], Pixels]


class ImageBatch:
    """A batch: its samples, their views and labels, and pixels in any rendering.

    Attributes:
        labels: int64 (n,), true labels; of a mixture, the label with the larger probability.
            None where the images have no labels.
        keys: uint8 (n, 16), a name for each image's content, view and mixture. It does not depend
            on the rendering, and is the same in every list and run. None where views are fresh.
        requested: the renderings that pixels were requested for.
        number: which batch of its epoch it is, from 1; those without any good image count too.
        global_size: the images of the batch in all processes together.
        fraction: this process's fraction of them, from 0 to 1. It is 0 where the process has no
            image of the batch; then a substitute lets it take part with the others.
    """

    def __init__(
        self,
        entries: Sequence[BatchEntry],
        keys: NDArray[np.uint8] | None,
        rendered: dict[Rendering, Pixels],
        render_now: Render,
    ) -> None:
        self.entries = list(entries)
        self.samples = [entry.image.sample for entry in entries]
        self.views = [entry.image.view for entry in entries]
        self.labels = _labels(entries)
        self.keys = keys
        self.requested: set[Rendering] = set()
        self.number, self.global_size, self.fraction = 0, len(self.entries), 1.0
        self._rendered = rendered
        self._render_now = render_now
        self._parent: tuple[ImageBatch, NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def pixels(self, rendering: Rendering) -> Pixels:
        """RGB pixels (n, size, size, 3): the views, as this rendering shows them.

        One that was not requested before is made now, and ahead from then on.
        """
        self.requested.add(rendering)
        if rendering not in self._rendered:
            self._rendered[rendering] = self._cut(rendering)
        return self._rendered[rendering]

    def subset(self, rows: NDArray[np.bool_] | NDArray[np.integer] | Sequence[int]) -> ImageBatch:
        """The batch of these rows, by index or by a mask (n,).

        A rendering that is requested of it counts as requested of this batch.
        """
        parent, parent_rows = self._parent or (self, np.arange(len(self)))
        chosen = np.arange(len(self))[np.asarray(rows, None if len(rows) else np.intp)]
        keys = None if self.keys is None else self.keys[chosen]
        part = ImageBatch([self.entries[row] for row in chosen], keys, {}, self._render_now)
        part._parent = (parent, parent_rows[chosen])
        part.requested = parent.requested
        return part

    def label_probabilities(self, classes: int) -> NDArray[np.float32] | None:
        """The true labels as probabilities (n, classes); None where no image is mixed.

        Nor are there any where the images have no labels.
        """
        if self.labels is None or all(entry.mixed is None for entry in self.entries):
            return None
        probabilities = np.zeros((len(self), classes), np.float32)
        for row, entry in zip(probabilities, self.entries, strict=True):
            for label, weight in entry.label_weights:
                row[label] += weight
        return probabilities

    def _cut(self, rendering: Rendering) -> Pixels:
        """The pixels from the batch that this one is a subset of, or else rendered now."""
        if self._parent is not None:
            parent, rows = self._parent
            if rendering in parent._rendered:
                return parent._rendered[rendering][rows]
        return self._render_now(self.entries, rendering)


def _labels(entries: Sequence[BatchEntry]) -> NDArray[np.int64] | None:
    """The label of each entry; None where one has none, as then none has."""
    weights = [entry.label_weights for entry in entries]
    return np.array([each[0][0] for each in weights], np.int64) if all(weights) else None
