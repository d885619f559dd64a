"""A training goes on where numbers round otherwise, and says so; another engine is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import require_chainer
from processes import environment, run_both, torchrun_environment
from torture import scaled

SCRIPT = Path(__file__).with_name("in_processes.py")
STOP = "8"
BEFORE = {"engine": "torch", "precision": "float32", "threads": 1, "processes": 1}
# What is otherwise before and after, and what is said of it; None where it is refused.
PAIRS = [
    ({}, {"precision": "bfloat16"}, "precision bfloat16 in place of float32"),
    ({}, {"engine": "chainer"}, None),
    ({}, {"threads": 2}, "threads 2 in place of 1"),
    ({"threads": 2}, {}, "threads 1 in place of 2"),
    ({"precision": "bfloat16"}, {}, "precision float32 in place of bfloat16"),
    ({"engine": "chainer"}, {}, None),
    ({}, {"processes": 2}, "processes 2 in place of 1"),
    ({"processes": 2}, {}, "processes 1 in place of 2"),
]
# How far apart the losses may be, relatively.
NEAR = 1e-3


def settings(how):
    return {
        "DEELISH_ENGINE": how["engine"],
        "DEELISH_PRECISION": how["precision"],
        "OMP_NUM_THREADS": str(how["threads"]),
    }


def train(folder, how, stop, name):
    how = {**BEFORE, **how}
    more = {**settings(how), "STOP": stop, "NAME": name}
    output = run_both(SCRIPT, folder, ".npz", how["processes"], **more)
    return float(np.load(folder / "0.npz")["loss"]), output[0][0]


@pytest.mark.long
@pytest.mark.torture("B3")
@pytest.mark.parametrize(("before", "after", "said"), PAIRS[: max(1, scaled(len(PAIRS)))])
def test_it_goes_on_within_rounding_or_is_refused(sets, tmp_path, before, after, said):
    if "chainer" in (*before.values(), *after.values()):
        require_chainer()
    if 2 in (before.get("threads"), after.get("threads")) and os.cpu_count() == 1:
        pytest.skip("there is one core")
    train(tmp_path, before, STOP, "stopped")
    if said is None:
        refused(tmp_path, {**BEFORE, **after})
        return
    whole, _ = train(tmp_path, before, "0", "whole")
    loss, shown = train(tmp_path, after, "0", "stopped")
    assert f"rounds otherwise than before, with {said}" in shown
    assert "goes on after update 6 of 10" in shown
    assert loss == pytest.approx(whole, rel=NEAR)


def refused(folder, how):
    """One sentence, and no update."""
    files = {path.name: path.read_bytes() for path in (folder / "stopped").iterdir()}
    place = torchrun_environment(0, 1, 1) | {"STOP": "0", "NAME": "stopped"}
    made = subprocess.run(
        [sys.executable, SCRIPT, folder, folder / "0.npz"],
        env=environment(**place, **settings(how)),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 1
    *_, last = made.stderr.splitlines()
    assert "FileError: " in last
    assert "belongs to another training, since engine was " in last
    del files["training_lock"]
    for name, content in files.items():
        assert (folder / "stopped" / name).read_bytes() == content
