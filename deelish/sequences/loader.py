"""Batches of sequences of like lengths, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from deelish.common.processes import ALONE, Group
from deelish.plan.sequence_format import SequenceFormat
from deelish.sequences.batch import EncodedSequences, SequenceBatch
from deelish.sequences.lines import SequenceSample

# Within so many batches that the seed draws, sequences of like lengths are put side by side. Of the
# verses of a Bible more than half of the steps would be padding else, and so 4 % are.
ALIKE = 50


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
        recorded: bool = False,
    ) -> None:
        self.samples = list(samples)
        self._source, self._form = EncodedSequences(samples, recorded), form
        self._batch_size, self._seed = batch_size, seed
        self._lengths = np.array(
            [len(self._source.steps(form, index)) for index in range(len(samples))]
        )
        self.size = sum(map(form.targets_of, self._lengths.tolist()))

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

        Training draws which sequences are in a batch, and the order of the batches. Each process of
        a group gets its part of every batch.
        """
        cut = self._drawn(epoch) if training else self._cut(np.arange(len(self.samples)))
        for number, indices in enumerate(cut[done:], done + 1):
            part = indices[group.rank :: group.world_size]
            batch = SequenceBatch(self._source, self._form, part.tolist() or [0], number)
            own = batch.size if len(part) else 0
            (total,) = map(round, group.all_sum([own]))
            batch.global_size, batch.fraction = total, own / total
            yield batch

    def _drawn(self, epoch: int) -> list[NDArray[np.intp]]:
        """The batches of an epoch of training."""
        generator = np.random.Generator(np.random.PCG64((self._seed, epoch)))
        order = generator.permutation(len(self.samples))
        block = ALIKE * self._batch_size
        blocks = (order[start : start + block] for start in range(0, len(order), block))
        cut = [batch for part in blocks for batch in self._cut(part)]
        return [cut[index] for index in generator.permutation(len(cut))]

    def _cut(self, indices: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Batches of some sequences, the shortest ones first."""
        order = indices[np.argsort(self._lengths[indices], kind="stable")]
        size = self._batch_size
        return [order[start : start + size] for start in range(0, len(order), size)]
