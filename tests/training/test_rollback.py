"""on_nan="rollback": weights go back to a good state, and the batches since are left out."""

import numpy as np
import pytest
from helpers import small
from hinted import weights
from training.checkpoints import stopped_runs

from deelish import Average, BatchTrain, Deel, InputBatch
from deelish.errors import TrainingError
from deelish.training import rollback

BAD = 6


@pytest.fixture
def often(monkeypatch):
    """A good state after every fourth update."""
    monkeypatch.setattr(rollback, "EVERY", 4)


@pytest.mark.usefixtures("often")
def test_weights_that_overflow_go_back(each_engine, corners, capsys):
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, states = small(), []
        average = Average(student, decay=0.5)

        def workout(x, t):
            states.append(weights(student))
            average.batch_feature(x)
            student.classify(x)
            return student.backprop(t)

        how = {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "warmup": 0}
        how["schedule"] = lambda progress: 1e45 if round(progress * 8) == BAD - 1 else 1.0
        BatchTrain(workout, epochs=2, on_nan="rollback", **how)
    assert len(states) == 8
    # States are those before a batch: what the fourth update gave is there before the fifth.
    assert all(np.array_equal(states[BAD][name], states[4][name]) for name in states[0])
    assert not all(np.array_equal(states[BAD + 1][name], states[BAD][name]) for name in states[0])
    shown = capsys.readouterr().out
    assert "is not finite after the update" in shown
    assert "the weights are again those after update 4; the batches from there on" in shown


@pytest.mark.usefixtures("often")
def test_a_loss_that_jumps_goes_back_too(corners, capsys):
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, states = small(), []

        def workout(x, t):
            states.append(weights(student))
            student.classify(x)
            loss, accuracy = student.backprop(t)
            return loss * 1000 if len(states) == 55 else loss, accuracy

        BatchTrain(workout, epochs=14, on_nan="rollback")
    assert all(np.array_equal(states[55][name], states[52][name]) for name in states[0])
    assert not all(np.array_equal(states[54][name], states[52][name]) for name in states[0])
    shown = capsys.readouterr().out
    assert "the loss jumped to" in shown
    assert "the weights are again those after update 52" in shown


def test_a_first_batch_that_is_not_finite_has_nothing_to_go_back_to(corners):
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student = small()

        def workout(x, t):
            student.classify(x)
            return student.backprop(np.full((len(t.value), 4), np.nan))

        with pytest.raises(TrainingError, match="the labels are not finite"):
            BatchTrain(workout, epochs=1, on_nan="rollback")


@pytest.mark.usefixtures("often", "each_engine")
def test_a_training_that_goes_on_goes_back_to_the_same_weights(corners, tmp_path, capsys):
    def train(folder, stop=0):
        return stopped_runs.run(
            stopped_runs.plain,
            (corners[0], corners[1]),
            folder,
            stop,
            on_nan="rollback",
            schedule=lambda progress: 1e45 if round(progress * 8) == BAD else 1.0,
            optimizer="sgd",
            warmup=0,
        )

    whole = train(None)
    # In the second epoch, after the good state and before the update that overflows.
    train(tmp_path / "run", 7)
    capsys.readouterr()
    assert train(tmp_path / "run") == whole
    shown = capsys.readouterr().out
    assert "goes on after update 5 of 8" in shown
    assert "the weights are again those after update 4" in shown


@pytest.mark.usefixtures("often")
def test_the_optimiser_goes_back_too(each_engine, corners):
    with Deel(seed=1) as deel:
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, states = small(), []

        def workout(x, t):
            made = deel.trainer.optimizers.get(student)
            states.append({} if made is None else deel.engine.optimizer_state(made).arrays)
            student.classify(x)
            return student.backprop(t)

        how = {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "warmup": 0}
        how["schedule"] = lambda progress: 1e45 if round(progress * 8) == BAD - 1 else 1.0
        BatchTrain(workout, epochs=2, on_nan="rollback", **how)
    assert states[4]
    assert all(np.array_equal(states[BAD][name], states[4][name]) for name in states[4])
    assert not all(np.array_equal(states[BAD - 1][name], states[4][name]) for name in states[4])


@pytest.mark.usefixtures("often")
def test_slow_weights_go_back_too(each_engine, corners):
    with Deel(seed=1) as deel:
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, states = small(), []

        def workout(x, t):
            student.classify(x)
            states.append((deel.trainer.slow.state(student), weights(student)))
            return student.backprop(t)

        how = {"optimizer": "sgd", "lr": 0.1, "warmup": 0, "lookahead": 5}
        how["schedule"] = lambda progress: 1e45 if round(progress * 12) == BAD - 1 else 1.0
        BatchTrain(workout, epochs=3, on_nan="rollback", **how)
    assert [slow.values["updates"] for slow, _ in states] == [*range(BAD), *range(4, 10)]
    start, before, again = (states[number][0].arrays for number in (0, BAD - 1, BAD))
    # The slow weights had moved after the fifth update, and go back to those after the fourth.
    assert all(np.array_equal(again[name], start[name]) for name in start)
    assert not all(np.array_equal(before[name], start[name]) for name in start)
    # The next update is the fifth again.
    slow, current = states[BAD + 1][0].arrays, states[BAD + 1][1]
    assert all(np.isfinite(array).all() for array in slow.values())
    assert np.array_equal(
        slow["score.bias" if each_engine == "torch" else "score/b"], current["score/bias"]
    )
