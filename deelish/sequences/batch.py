"""A batch of sequences, and their steps in the format of any network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.plan.sequence_format import SequenceFormat, Steps
from deelish.sequences.lines import SequenceSample
from deelish.storage.index import KEY_BYTES, Keys

# So many bytes of a key number a step; the others are of the sequence.
STEP = np.dtype("<u4")


class EncodedSequences:
    """The sequences of a list, and their steps by format, each made once.

    recorded: whether teachers' logits for them are cached.
    """

    def __init__(self, samples: Sequence[SequenceSample], recorded: bool = False) -> None:
        self.samples, self.recorded = list(samples), recorded
        self._digests: dict[int, bytes] = {}
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

    def digest(self, index: int) -> bytes:
        """The first 16 bytes of the sha256 of a sequence's fields."""
        if index not in self._digests:
            text = "\t".join(self.samples[index].fields)
            self._digests[index] = hashlib.sha256(text.encode()).digest()[:KEY_BYTES]
        return self._digests[index]


class SequenceBatch:
    """Some sequences of a list.

    Attributes:
        form: the format of the list, which says what a target is.
        samples: the sequence of each target.
        labels: the targets int64 (size,): classes, or next tokens; None where there are none.
        size: how many targets there are: one for each sequence, or for each token.
        columns: int64 (size,), the index of the sequence of each target.
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
        self.columns = self._step_numbers = np.arange(len(indices))
        if form.next_token:
            self.labels, self.columns, self._step_numbers = form.next_tokens(self.steps(form))
            self.samples = [self.samples[column] for column in self.columns]
        self.size = len(self.samples)
        self.number, self.global_size, self.fraction = number, self.size, 1.0

    def __len__(self) -> int:
        return len(self._indices)

    def steps(self, form: SequenceFormat) -> list[Steps]:
        """The steps of each sequence in the format of a network."""
        return [self._source.steps(form, index) for index in self._indices]

    @cached_property
    def keys(self) -> Keys | None:
        """uint8 (size, 16), a name for the sequence of each target, and for its step.

        The same in every list and run; None where nothing is cached.
        """
        if not self._source.recorded:
            return None
        digests = b"".join(map(self._source.digest, self._indices))
        keys = np.frombuffer(digests, np.uint8).reshape(-1, KEY_BYTES)[self.columns]
        if self.form.next_token:
            steps = np.ascontiguousarray(self._step_numbers, STEP)[:, np.newaxis]
            keys[:, -STEP.itemsize :] = steps.view(np.uint8)
        return keys

    def subset(self, columns: NDArray[np.int64]) -> SequenceBatch:
        """The batch of some of its sequences, by index."""
        indices = [self._indices[column] for column in columns]
        return SequenceBatch(self._source, self.form, indices, self.number)
