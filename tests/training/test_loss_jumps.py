"""A loss that jumps is reported, once."""

import numpy as np
import pytest
from helpers import write_set
from torture import scaled
from training.going_on import going_on

from deelish import BatchTrain, Deel, InputBatch
from deelish.training.guards import LossGuard


@pytest.mark.torture("E2")
@pytest.mark.parametrize("number", range(scaled(20)))
def test_a_loss_that_jumps_is_reported_once(number, corners, capsys):
    rng = np.random.default_rng(number)
    losses = rng.lognormal(0, 0.5, 128)
    first, second = sorted(rng.choice(np.arange(50, 128), 2, replace=False))
    losses[first] = 10.01 * np.median(losses[first - 50 : first])
    losses[second] = 1000
    places = []

    def workout(x, t):
        places.append(t.samples[0].where)
        return losses[len(places) - 1], 0.0

    with Deel(seed=1):
        InputBatch(corners[0], batch_size=1)
        BatchTrain(workout, epochs=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if "jumped" in line]
    epoch, batch = divmod(first, 64)
    assert len(lines) == 1
    assert f"{losses[first]:.4g} at epoch {epoch + 1}/2, batch {batch + 1}, more" in lines[0]
    assert f"look at {places[first]}, or" in lines[0]


def test_a_loss_below_ten_times_the_median_or_too_early_is_not_reported(corners, capsys):
    losses = iter([1.0] * 20 + [100.0] + [1.0] * 40 + [9.99, 1.0, 1.0])

    with Deel(seed=1):
        InputBatch(corners[0], batch_size=1)
        BatchTrain(lambda x, t: (next(losses), 0.0), epochs=1)
    assert "jumped" not in capsys.readouterr().out


def test_the_last_losses_come_back_from_plain_values():
    losses = np.random.default_rng(0).lognormal(size=70).tolist()
    guard, other = LossGuard(), LossGuard()
    for loss in losses:
        guard.add(loss)
    other.restore(guard.state())
    assert guard.state() == losses[-50:]
    assert other.add(1e3) == guard.add(1e3) == pytest.approx(np.median(losses[-50:]))


def test_a_training_that_goes_on_knows_the_losses_before(tmp_path, capsys):
    write_set(tmp_path, "train", 64)
    losses = [1.0] * 128
    losses[60], losses[100] = 100.0, 1000.0

    def build():
        return lambda number, x, t: (losses[number - 1], 0.0)

    going_on(tmp_path, 55, build)
    assert "jumped" not in capsys.readouterr().out
    going_on(tmp_path, 80, build)
    assert "the loss jumped to 100 at epoch 1/2, batch 61" in capsys.readouterr().out
    # It is reported once.
    going_on(tmp_path, 0, build)
    assert "jumped" not in capsys.readouterr().out
