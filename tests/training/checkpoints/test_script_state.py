"""What deel.state may be: what a checkpoint cannot hold is named in one sentence."""

import numpy as np
import pytest
from one_sentence import refused
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, run

from deelish import Deel
from deelish.errors import TrainingError

CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ((1, 2), r"state\['kept'\] is a tuple, which no checkpoint can hold as it is"),
        ({1: 2}, "is a dict, which no checkpoint"),
        ([np.ones(2)], "is a list, .* each NumPy array of numbers under a key of its own"),
        (np.float32(1), "is a float32, which"),
        (np.array([None]), "is a NumPy array of object, which"),
        (np.ones(2, complex), "is a NumPy array of complex128, which"),
        (CIRCLE, "is a list, which"),
    ],
    ids=str,
)
def test_what_no_checkpoint_holds(sets, tmp_path, value, match):
    def build(deel):
        deel.state["kept"] = value
        return stopped_runs.plain(deel)

    refused(TrainingError, match, lambda: run(build, sets, tmp_path / "run"))


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="it is a double here")
def test_numbers_longer_than_a_file_has(sets, tmp_path):
    test_what_no_checkpoint_holds(sets, tmp_path, np.ones(2, np.longdouble), "NumPy array of float")


def test_a_key_that_is_no_text(sets, tmp_path):
    def build(deel):
        deel.state[3] = 1
        return stopped_runs.plain(deel)

    match = r"deel.state\[3\]: no checkpoint can hold this key; give it a text as its key"
    refused(TrainingError, match, lambda: run(build, sets, tmp_path / "run"))


def test_a_state_that_is_set_as_a_whole_is_held(sets, tmp_path):
    def build(deel):
        inner, changed = stopped_runs.plain(deel)
        deel.state = {"turn": 0}

        def workout(x, t):
            deel.state = {"turn": deel.state["turn"] + 1}
            return inner(x, t)

        return workout, changed

    expected = run(build, sets)
    run(build, sets, tmp_path / "run", 3)
    assert run(build, sets, tmp_path / "run") == expected
    assert calls[-1] == calls[-3] - 3


@pytest.mark.parametrize("value", [None, [1], 5])
def test_a_state_that_is_no_dict(value):
    def assign():
        Deel().state = value

    refused(
        TrainingError, "deel.state is a dict, and cannot be a .*; give each value a key", assign
    )
