"""Figures that stay in a folder: final once written, and shared by processes that run at once."""

import importlib
import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from helpers import small, write_set

from deelish import Deel, InputBatch

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("kept")


def test_what_was_measured_is_final(kept, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"accuracy": 0.5, "seconds": 7}))
    # What a run that was killed leaves.
    (tmp_path / "b.unfinished").write_text('{"accur')
    (tmp_path / "b.lock").touch()
    work = {tmp_path / f"{name}.json": lambda run: {"accuracy": 0.25} for name in "ab"}
    found = kept.all_of(work)
    assert found[tmp_path / "a.json"] == {"accuracy": 0.5, "seconds": 7}
    assert found[tmp_path / "b.json"] == {"accuracy": 0.25, "seconds": 0}
    assert json.loads((tmp_path / "b.json").read_text()) == {"accuracy": 0.25, "seconds": 0}


def test_two_that_run_at_once_share_the_work(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "PATIENCE", 0.01)
    measured, results = [], []

    def measure(name, run):
        measured.append((name, threading.get_ident()))
        time.sleep(0.1)
        return {"name": name}

    names = [f"{number}" for number in range(6)]
    work = {tmp_path / f"{name}.json": partial(measure, name) for name in names}
    needs = {tmp_path / "0.json": tmp_path / "5.json"}
    threads = [
        threading.Thread(target=lambda: results.append(kept.all_of(work, needs))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(name for name, _ in measured) == names
    assert len({who for _, who in measured}) == 2
    assert [name for name, _ in measured].index("5") < [name for name, _ in measured].index("0")
    assert results[0] == results[1]
    assert set(results[0]) == set(work)


def test_what_another_process_ended_meanwhile_is_final(kept, tmp_path, monkeypatch):
    path = tmp_path / "a.json"

    def take(handle):
        path.write_text(json.dumps({"x": "theirs"}))
        return True

    monkeypatch.setattr(kept, "try_to_take", take)
    assert kept.all_of({path: lambda run: {"x": "ours"}}) == {path: {"x": "theirs"}}


def test_one_that_fails_leaves_its_work_to_others(kept, tmp_path):
    def fail(run):
        raise ValueError("no")

    path = tmp_path / "a.json"
    with pytest.raises(ValueError, match="no"):
        kept.all_of({path: fail})
    assert not path.exists()
    assert kept.all_of({path: lambda run: {"x": 1}})[path]["x"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_was_stopped_goes_on_and_its_time_counts(kept, tmp_path, number):
    """It is not final, and in the end the losses are those of a training that nobody stopped."""
    images, calls = write_set(tmp_path, "train", 64), []
    # A list, since another number would be another workout: the seventh of twelve batches.
    stop = [7]

    def measured(run):
        with Deel(seed=1):
            student = small()
            InputBatch(images, batch_size=16, crop=1, mirror=False)
            calls.clear()

            def workout(x, t):
                calls.append(len(x))
                if len(calls) == stop[0]:
                    os.kill(os.getpid(), number)
                student.classify(x)
                return student.backprop(t)

            return {"losses": [row["loss"] for row in run.train(workout, 3, lr=0.01)]}

    stopped, whole = tmp_path / "stopped.json", tmp_path / "whole.json"
    with pytest.raises(SystemExit):
        kept.all_of({stopped: measured})
    stop[0] = 0
    left = {"stopped.checkpoints", "stopped.lock", "stopped.seconds"}
    assert {path.name for path in tmp_path.glob("stopped*")} == left
    (tmp_path / "stopped.seconds").write_text("5000")
    found = kept.all_of({stopped: measured})[stopped]
    assert len(calls) == 5
    expected = kept.all_of({whole: measured})[whole]
    assert len(calls) == 12
    assert found["losses"] == expected["losses"]
    assert 5000 <= found["seconds"] < 5100
    assert expected["seconds"] < 100
    assert not [*tmp_path.glob("*.checkpoints"), *tmp_path.glob("*.seconds")]


def test_choices_are_made_on_training_images(kept, tmp_path):
    lines = [f"{number}.png {number % 10}\n" for number in range(70)]
    (tmp_path / "train.txt").write_text("".join(lines))
    (tmp_path / "chosen").mkdir()
    folder = kept.held_out(tmp_path, tmp_path / "chosen", 2)
    train, test = ((folder / f"{name}.txt").read_text().split()[::2] for name in ("train", "test"))
    assert train == [str((tmp_path / f"{number}.png").resolve()) for number in range(50)]
    assert test == [str((tmp_path / f"{number}.png").resolve()) for number in range(50, 70)]
