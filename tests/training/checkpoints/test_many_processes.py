"""Trainings of several processes go on: the same number to the bit, another within rounding."""

from pathlib import Path

import numpy as np
import pytest
from processes import run_both
from torture import IS_WHOLE

SCRIPT = Path(__file__).with_name("in_processes.py")


def train(folder, size, stop, name, **more):
    """What rank 0 came to; every process comes to the same."""
    output = run_both(SCRIPT, folder, ".npz", size, STOP=str(stop), NAME=name, **more)
    results = [dict(np.load(folder / f"{rank}.npz")) for rank in range(size)]
    assert len({str(each["digest"]) for each in results}) == 1
    return {**results[0], "shown": output[0][0]}


@pytest.mark.long
@pytest.mark.torture("B1")
def test_four_processes_go_on_in_four(sets, tmp_path):
    whole = train(tmp_path, 4, 0, "whole", WITH_BOTH="1")
    train(tmp_path, 4, 8, "stopped", WITH_BOTH="1")
    again = train(tmp_path, 4, 0, "stopped", WITH_BOTH="1")
    assert "goes on after update 6 of 10" in again["shown"]
    assert again["digest"] == whole["digest"]
    assert again["rows"] == whole["rows"]


@pytest.mark.torture("B3")
@pytest.mark.skipif(not IS_WHOLE, reason="ten processes for one number: in make torture")
def test_or_in_two_within_rounding_which_is_reported(sets, tmp_path):
    whole = train(tmp_path, 4, 0, "whole")
    train(tmp_path, 4, 8, "stopped")
    again = train(tmp_path, 2, 0, "stopped")
    assert "processes 2 in place of 4" in again["shown"]
    assert again["loss"] == pytest.approx(whole["loss"], rel=1e-3)
    for name in whole.keys() - {"digest", "rows", "loss", "shown"}:
        np.testing.assert_allclose(again[name], whole[name], rtol=1e-3, atol=1e-5)
