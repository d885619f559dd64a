"""Batches of the sequences of a list, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

import numpy as np

from deelish.common.processes import ALONE, Group
from deelish.plan.sequence_format import SequenceFormat
from deelish.sequences.batch import EncodedSequences, SequenceBatch
from deelish.sequences.lines import SequenceSample


class SequenceLoader:
    """The batches of a list.

    Attributes:
        samples: its sequences.
        size: how many targets an epoch has.

    Raises:
        DataError: a sequence cannot be one of this format; its line is named.
    """

    def __init__(
        self,
        samples: Sequence[SequenceSample],
        form: SequenceFormat,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self.samples = list(samples)
        self._source, self._form = EncodedSequences(samples), form
        self._batch_size, self._seed = batch_size, seed
        steps = sum(len(self._source.steps(form, index)) for index in range(len(samples)))
        self.size = len(samples) + (steps if form.next_token else 0)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.samples) // self._batch_size)

    @property
    def digest(self) -> str:
        """sha256 of the sequences and their labels."""
        made = hashlib.sha256()
        for sample in self.samples:
            made.update("\t".join((*sample.fields, f"{sample.label}\n")).encode())
        return made.hexdigest()

    def full_batch(self, group: Group = ALONE) -> int:
        """How many sequences of a full batch this process has."""
        return len(range(group.rank, self._batch_size, group.world_size))

    def batches(
        self, epoch: int, training: bool, group: Group = ALONE, done: int = 0
    ) -> Generator[SequenceBatch, None, None]:
        """The batches of an epoch (0 or more) after the first `done`; the last may be smaller.

        Training draws the order; validation keeps that of the list. Each process of a group gets
        its part of every batch.
        """
        order = np.arange(len(self.samples))
        if training:
            order = np.random.Generator(np.random.PCG64((self._seed, epoch))).permutation(order)
        for start in range(done * self._batch_size, len(order), self._batch_size):
            part = order[start : start + self._batch_size][group.rank :: group.world_size]
            number = start // self._batch_size + 1
            batch = SequenceBatch(self._source, self._form, part.tolist() or [0], number)
            own = batch.size if len(part) else 0
            (total,) = map(round, group.all_sum([own]))
            batch.global_size, batch.fraction = total, own / total
            yield batch
