"""A batch of sequences, and their steps in the format of any network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.plan.sequence_format import SequenceFormat, Steps
from deelish.sequences.lines import SequenceSample


class EncodedSequences:
    """The sequences of a list, and their steps by format, each made once."""

    def __init__(self, samples: Sequence[SequenceSample]) -> None:
        self.samples = list(samples)
        self._steps: dict[SequenceFormat, dict[int, Steps]] = {}

    def steps(self, form: SequenceFormat, index: int) -> Steps:
        """The steps of a sequence.

        Raises:
            DataError: it cannot be one of this format; its line is named.
        """
        known = self._steps.setdefault(form, {})
        if index not in known:
            sample = self.samples[index]
            try:
                known[index] = form.steps(sample.fields)
            except DataError as error:
                raise DataError(f"{sample.where}: {error}") from None
        return known[index]


class SequenceBatch:
    """Some sequences of a list.

    Attributes:
        form: the format of the list, which says what a target is.
        samples: the sequence of each target.
        labels: the targets int64 (size,): classes, or next tokens; None where there are none.
        size: how many targets there are: one for each sequence, or for each token.
        number: which batch of its epoch it is, from 1.
        global_size: the targets of the batch in all processes together.
        fraction: this process's fraction of them, from 0 to 1. It is 0 where the process has no
            sequence of the batch; then the first of the list lets it take part with the others.
    """

    def __init__(
        self, source: EncodedSequences, form: SequenceFormat, indices: Sequence[int], number: int
    ) -> None:
        self._source, self.form, self._indices = source, form, list(indices)
        self.samples = [source.samples[index] for index in indices]
        labels = [sample.label for sample in self.samples if sample.label is not None]
        self.labels: NDArray[np.int64] | None = np.array(labels, np.int64) if labels else None
        if form.next_token:
            self.labels, columns = form.next_tokens(self.steps(form))
            self.samples = [self.samples[column] for column in columns]
        self.size = len(self.samples)
        self.number, self.global_size, self.fraction = number, self.size, 1.0

    def __len__(self) -> int:
        return len(self._indices)

    def steps(self, form: SequenceFormat) -> list[Steps]:
        """The steps of each sequence in the format of a network."""
        return [self._source.steps(form, index) for index in self._indices]
