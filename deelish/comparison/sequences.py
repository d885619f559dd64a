"""The sequences of a comparison, the same for every network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deelish.comparison.images import ImageList
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.class_folders import NamedClasses
from deelish.network.predictor import Predictor
from deelish.network.sequence_tensor import SequenceTensor
from deelish.plan.sequence_format import SequenceFormat
from deelish.sequences.dataset import labelled_samples
from deelish.sequences.lines import SequenceSample, is_list_of_sequences
from deelish.sequences.loader import SequenceLoader

ABOUT = (
    "multiply-adds and peak memory: of one step of one sequence; ms an image: of a whole sequence,"
    " the first ones of the list"
)


@dataclass(frozen=True)
class Target:
    """One target of a list: a class of a sequence, or a token of it.

    label: the class.  source: the list.  path: the line that it is of.
    """

    label: int
    source: str
    path: str
    location: None = None


class SequenceList:
    """A list of sequences in batches.

    Attributes:
        items: its targets, in the order of the batches.
    """

    def __init__(
        self,
        samples: Sequence[SequenceSample],
        form: SequenceFormat,
        engine: Engine,
        batch_size: int,
    ) -> None:
        self._samples, self._form, self._batch_size = list(samples), form, batch_size
        self.engine = engine
        self._loader = SequenceLoader(samples, form, batch_size=batch_size, seed=0)
        self.items = [
            Target(int(label), sample.source, sample.where)
            for batch in self._loader.batches(0, training=False)
            if batch.labels is not None
            for label, sample in zip(batch.labels, batch.samples, strict=True)
        ]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The class of each target (n,)."""
        return np.array([item.label for item in self.items], np.int64)

    def __iter__(self) -> Iterator[SequenceTensor]:
        with closing(self._loader.batches(0, training=False)) as batches:
            for batch in batches:
                yield SequenceTensor(batch, self.engine)

    def repeated(self, count: int) -> SequenceTensor:
        """A batch of `count` sequences: the first of the list, repeated where it is shorter."""
        first = (self._samples * (count // len(self._samples) + 1))[:count]
        return next(iter(SequenceList(first, self._form, self.engine, count)))


# What a comparison is measured on.
AnyList = ImageList | SequenceList


def sequences_of(
    source: str | Path, networks: Sequence[Predictor], engine: Engine, batch_size: int
) -> SequenceList:
    """The sequences of a .tsv file, in the format of the first student.

    Raises:
        DataError: a network reads images, the list holds some, or it has no labels.
    """
    student = networks[1]
    for each in networks:
        if each.sequences is None:
            raise DataError(
                f"Compare: {each.name} reads images, and others sequences; give networks that read"
                " the same"
            )
    if student.sequences is None or not is_list_of_sequences(source):
        raise DataError(
            f"Compare: {student.name} reads sequences; give a list that ends in .tsv, and not"
            f" {source}"
        )
    named = NamedClasses(student.name, student.labels) if student.labels else None
    samples = labelled_samples(source, named)
    if not student.sequences.next_token and samples[0].label is None:
        raise DataError(
            f"Compare: the sequences of {source} have no labels, and accuracy needs them; give"
            " sequences with labels as test="
        )
    return SequenceList(samples, student.sequences, engine, batch_size)
