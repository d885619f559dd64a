"""Batches that are skipped, since their numbers are not finite: how many a training may have."""

import numpy as np
import pytest
from helpers import small, write_set
from training.going_on import going_on

from deelish import BatchTrain, InputBatch
from deelish.errors import TrainingError


def test_twenty_skipped_batches_in_a_row_end_the_training(session, corners, capsys):
    InputBatch(corners[0], batch_size=2)
    student, batches = small(), []

    def workout(x, t):
        batches.append(x)
        student.classify(x)
        number = np.nan if len(batches) > 5 else 1.0
        return student.backprop(t, distill=np.full((len(x), 4), number, np.float32))

    with pytest.raises(TrainingError, match="20 batches in a row were skipped, the last: Small: "):
        BatchTrain(workout, epochs=1, on_nan="skip")
    assert len(batches) == 25
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 10
    assert printed[-1].endswith("; later ones are not printed")


def test_more_than_one_percent_of_skipped_batches_ends_the_training(session, corners):
    InputBatch(corners[0], batch_size=1)
    batches = []
    student = small()

    def workout(x, t):
        batches.append(x)
        if len(batches) % 10:
            return 1.0, 0.0
        student.classify(x)
        return student.backprop(t, distill=np.full((1, 4), np.nan, np.float32))

    with pytest.raises(
        TrainingError, match="21 of 210 batches were skipped, which is more than 1%"
    ):
        BatchTrain(workout, epochs=10, on_nan="skip")


def test_an_epoch_without_a_finite_batch_is_no_row(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=np.full((len(x), 4), np.nan, np.float32))

    with pytest.raises(TrainingError, match="epoch 1/1: every batch was skipped; look at the im"):
        BatchTrain(workout, epochs=1, on_nan="skip")


def test_a_training_that_goes_on_counts_the_batches_that_were_skipped(tmp_path):
    write_set(tmp_path, "train", 64)
    calls = []

    def build():
        student = small()

        def skipped(number, x, t):
            calls.append(number)
            student.classify(x)
            return student.backprop(np.full((len(t.value), 4), np.nan))

        return skipped

    going_on(tmp_path, 12, build, on_nan="skip")
    with pytest.raises(TrainingError, match="20 batches in a row were skipped"):
        going_on(tmp_path, 0, build, on_nan="skip")
    assert len(calls) == 20
