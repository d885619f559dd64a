"""Batches of sequences: what is in them, their order, their padding, and their targets."""

import numpy as np
import pytest
from series import dataset, texts, write

from deelish import Deel, InputBatch
from deelish.common.processes import Group


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1):
        yield


def batches(data, epoch=0, training=True, **how):
    form = data.sequences
    return [
        [tuple(steps) for steps in batch.steps(form)]
        for batch in data.train.batches(epoch, training, **how)
    ]


@pytest.fixture
def data(tmp_path):
    return dataset(tmp_path, texts(600), tokens="words", batch_size=3)


def test_an_epoch_has_each_sequence_once_and_its_order_follows_from_seed_and_epoch(data):
    first, again, second = batches(data), batches(data), batches(data, 1)
    assert len(first) == len(data.train) == 134
    form = data.sequences
    expected = sorted(tuple(form.steps(sample.fields)) for sample in data.train.samples)
    for epoch in (first, second):
        assert sorted(steps for batch in epoch for steps in batch) == expected
    assert first == again
    assert first != second


def test_sequences_of_like_lengths_share_a_batch_in_any_order(data):
    lengths = [[len(steps) for steps in batch] for batch in batches(data)]
    apart = np.mean([max(batch) - min(batch) for batch in lengths])
    # Three drawn from one to four words are 1.9 apart.
    assert apart < 0.2
    means = [np.mean(batch) for batch in lengths[:50]]
    assert means != sorted(means)


def test_a_training_goes_on_in_the_middle_of_an_epoch(data):
    assert batches(data, done=100) == batches(data)[100:]
    numbers = [batch.number for batch in data.train.batches(0, True, done=100)]
    assert numbers == list(range(101, 135))


class Half(Group):
    """One of two processes; each batch has so many targets in both together."""

    world_size = 2

    def __init__(self, rank, targets):
        self.rank, self.targets = rank, iter(targets)

    def all_sum(self, values):
        return [next(self.targets)]


def test_processes_share_each_batch(data):
    targets = [batch.size for batch in data.train.batches(0, True)]
    parts = [list(data.train.batches(0, True, Half(rank, targets))) for rank in (0, 1)]
    assert len(parts[0]) == len(targets)
    for one, other, whole in zip(*parts, batches(data), strict=True):
        assert one.fraction + other.fraction == pytest.approx(1)
        both = [tuple(steps) for part in (one, other) for steps in part.steps(data.sequences)]
        # The last batch has one sequence, and its other process a substitute.
        assert sorted(both[: len(whole)]) == sorted(whole)
    assert sorted(part[i].fraction for part in parts for i in range(len(targets)))[0] == 0


def test_padding_is_in_front_and_the_next_token_is_the_target(tmp_path):
    data = InputBatch(write(tmp_path, "train.tsv", ["a b", "c"]), tokens="words", batch_size=2)
    form = data.sequences
    (batch,) = data.train.batches(0, training=False)
    made = form.padded(batch.steps(form))
    # The line break is 0; "c" is the shorter one.
    assert made.data.tolist() == [[0, 0], [0, 1], [3, 2]]
    assert made.real.tolist() == [[False, True], [True, True], [True, True]]
    assert made.cont.tolist() == [[0, 0], [0, 1], [1, 1]]
    # In the order of the steps that are no padding.
    assert batch.labels.tolist() == [1, 3, 2, 0, 0]
    assert [sample.line for sample in batch.samples] == [1, 2, 1, 2, 1]
    assert (batch.size, data.train.size, data.classes) == (5, 5, 4)


def test_the_padding_of_numbers(tmp_path):
    data = InputBatch(write(tmp_path, "train.tsv", ["5 6 7\t1", "8\t0"]), batch_size=2)
    (batch,) = data.train.batches(0, training=False)
    made = data.sequences.padded(batch.steps(data.sequences))
    assert made.data[..., 0].tolist() == [[0, 5], [0, 6], [8, 7]]
    assert made.cont.tolist() == [[0, 0], [0, 1], [0, 1]]
    assert (batch.size, data.train.size) == (2, 2)
