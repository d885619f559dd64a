"""`deelish run --resume`: an unchanged script of several trainings goes on where it was."""

import json
import signal
import subprocess
import sys

import pytest
from helpers import write_set
from processes import environment

SCRIPT = """
import json, os, signal, sys
from hashlib import sha256
from deelish import *
from helpers import small

deel = Deel(seed=1)
student, count, stop = small(dropout=0.5), [0], [int(value) for value in sys.argv[3:]]
InputBatch(sys.argv[1], batch_size=16)


def workout(x, t):
    count[0] += 1
    if [count[0]] == stop[:1]:
        os.kill(os.getpid(), stop[1])
    student.classify(x)
    return student.backprop(t)


first = BatchTrain(workout, epochs=2)
second = BatchTrain(workout, epochs=2, optimizer="sgd")
found = sha256()
for name, array in sorted(deel.engine.arrays(student.module).items()):
    found.update(array.tobytes())
times = ("images_per_second", "seconds", "waited")
rows = [{k: v for k, v in row.items() if k not in times} for row in [*first, *second]]
json.dump([found.hexdigest(), rows], open(sys.argv[2], "w"))
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    write_set(tmp_path, "train", 64)
    return tmp_path


def run(folder, result, *arguments, stop=()):
    """Run the script; returns its exit status, what it printed, and its result."""
    command = [sys.executable, "-m", "deelish", "run", *arguments, "script.py"]
    command += ["train.txt", result, *map(str, stop)]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )
    path = folder / result
    return done.returncode, done.stdout, json.loads(path.read_text()) if path.is_file() else None


# Eight batches of the first training, then eight of the second.
@pytest.mark.parametrize(
    ("number", "batch", "code", "updates"),
    [
        pytest.param(signal.SIGKILL, 6, -9, 0, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 3, 143, 3, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, 13, 143, 5, marks=pytest.mark.long),
    ],
)
def test_a_script_of_two_trainings(script, number, batch, code, updates):
    _, _, whole = run(script, "whole.json")
    resume = ("--resume", "runs")
    assert run(script, "again.json", *resume, stop=(batch, int(number)))[0] == code
    status, shown, again = run(script, "again.json", *resume, stop=(0, 0))
    assert status == 0
    assert again == whole
    # SIGKILL leaves no time for a checkpoint: that of the start is there.
    assert f"goes on after update {updates} of 8" in shown
    assert sorted(path.name for path in (script / "runs").iterdir()) == ["training-1", "training-2"]
    assert ("training-1: the training is over" in shown) == (batch > 8)


def test_help_names_it():
    command = [sys.executable, "-m", "deelish", "run", "--help"]
    shown = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert "--resume FOLDER" in shown.stdout
