"""What the teacher cache knows of a batch: a key for each row of logits, and parts of the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.sequence_tensor import SequenceTensor
from deelish.sequences.batch import SequenceBatch
from deelish.storage.index import Keys

Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class RecordedImages:
    """Images in recorded views.

    keys: uint8 (n, 16), a name for each image's content and view.
    """

    whole: ImageTensor
    keys: Keys

    def computed(self, found: Rows) -> Rows:
        """Which rows are computed where only `found` (n,) are cached: the others."""
        return ~found

    def part(self, rows: Rows) -> ImageTensor:
        """The images of some rows (n,), with their labels."""
        chosen, images = np.flatnonzero(rows), self.whole
        labels = None if images.labels is None else images.labels.subset(chosen)
        return images.subset(images.pictures.subset(chosen), labels)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class RecordedSequences:
    """Sequences of a list that is to be cached.

    keys: uint8 (targets, 16), a name for each sequence, or for each of its steps.
    """

    whole: SequenceTensor
    batch: SequenceBatch
    keys: Keys

    def computed(self, found: Rows) -> Rows:
        """Every row of a sequence of which one row is not among `found` (targets,)."""
        columns = self.batch.columns
        return np.isin(columns, columns[~found])

    def part(self, rows: Rows) -> SequenceTensor:
        """The sequences of some rows (targets,), with their labels.

        Padding is in front, so that their rows are in the same order as here.
        """
        chosen, whole = np.flatnonzero(rows), self.whole
        labels = None if whole.labels is None else whole.labels.subset(chosen)
        part = self.batch.subset(np.unique(self.batch.columns[chosen]))
        return SequenceTensor(part, whole.engine, labels, whole.viewing)


Recorded = RecordedImages | RecordedSequences


def recorded_of(x: InputTensor) -> Recorded | None:
    """A batch with the keys of its rows; None where there are none, as for fresh views."""
    if isinstance(x, ImageTensor):
        keys: Keys | None = getattr(x.pictures, "keys", None)
        return None if keys is None else RecordedImages(x, keys)
    # What the prompt gives is in no list, and is computed each time.
    if not isinstance(x, SequenceTensor) or not isinstance(x.sequences, SequenceBatch):
        return None
    keys = x.sequences.keys
    return None if keys is None else RecordedSequences(x, x.sequences, keys)
