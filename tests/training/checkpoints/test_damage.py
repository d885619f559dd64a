"""Checkpoints that are damaged, foreign, or cannot be written."""

import errno
import json
import os
import random
import stat
import time

import numpy as np
import pytest
from one_sentence import refused
from safetensors.numpy import load_file, save_file
from torture import scaled
from training.checkpoints import stopped_runs
from training.checkpoints.stopped_runs import calls, run

from deelish.errors import FileError, TrainingError
from deelish.formats.native import checkpoint


def newest(folder):
    return max(folder.glob("checkpoint-*.safetensors"))


def test_a_damaged_checkpoint_is_passed_by_and_reported(sets, stopped, capsys):
    expected = run(stopped_runs.plain, sets)
    data = bytearray(newest(stopped).read_bytes())
    data[-5] ^= 1
    newest(stopped).write_bytes(data)
    capsys.readouterr()
    assert run(stopped_runs.plain, sets, stopped) == expected
    shown = capsys.readouterr().out
    assert f"{stopped / 'checkpoint-000002.safetensors'}: " in shown
    assert "does not match its checksum; it is passed by" in shown
    assert "goes on after update 0 of 10" in shown


def test_only_damaged_checkpoints_are_refused(sets, stopped):
    for path in stopped.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])
    match = "none of its 2 checkpoints is whole; .* give another folder to begin again"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, stopped))


@pytest.mark.torture("B6")
def test_every_bit_that_flips_and_every_cut_is_found(stopped):
    path, rng = newest(stopped), random.Random(1)
    whole = path.read_bytes()
    for number in range(scaled(1000)):
        data = bytearray(whole)
        if number % 2:
            del data[rng.randrange(len(data)) :]
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with pytest.raises(FileError):
            checkpoint.read(path)


def test_a_checkpoint_of_a_later_version_is_refused_by_its_version(sets, stopped):
    path = newest(stopped)
    with checkpoint_metadata(path) as about:
        about["format"], about["deelish"] = 9, "7.5"
    match = r"written by deelish 7\.5 in format 9, and this version reads up to 1; update deelish"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, stopped))


def checkpoint_metadata(path):
    from contextlib import contextmanager

    from safetensors import safe_open

    @contextmanager
    def changing():
        with safe_open(path, framework="numpy") as file:
            about = json.loads(file.metadata()[checkpoint.KEY])
        yield about
        save_file(load_file(path), path, {checkpoint.KEY: json.dumps(about)})

    return changing()


def test_two_checkpoints_are_kept(sets, tmp_path):
    run(stopped_runs.plain, sets, tmp_path / "run", checkpoint_updates=1)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    # One at the start, one after each of ten updates, one at the end.
    assert names == [
        "checkpoint-000011.safetensors",
        "checkpoint-000012.safetensors",
        "training_lock",
    ]


def test_a_checkpoint_that_cannot_be_written_stops_the_training(sets, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    fail_after(monkeypatch, 2)
    match = (
        r"checkpoint-000003\.safetensors: cannot be written \(No space left on device\), it takes"
    )
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, folder, checkpoint_updates=1))
    assert calls[-1] < 6
    monkeypatch.undo()
    assert sorted(path.name for path in folder.glob("*.*")) == [
        "checkpoint-000001.safetensors",
        "checkpoint-000002.safetensors",
    ]
    assert run(stopped_runs.plain, sets, folder) == run(stopped_runs.plain, sets)


def test_or_is_reported_once_and_the_training_goes_on(sets, tmp_path, monkeypatch, capsys):
    expected, folder = run(stopped_runs.plain, sets), tmp_path / "run"
    fail_after(monkeypatch, 2)
    options = {"checkpoint_updates": 1, "on_save_error": "go on"}
    assert run(stopped_runs.plain, sets, folder, **options) == expected
    shown = capsys.readouterr().out
    assert shown.count("the training goes on, and the checkpoint before stays") == 1
    assert [path.name for path in sorted(folder.glob("*.*"))] == [
        "checkpoint-000001.safetensors",
        "checkpoint-000002.safetensors",
    ]


def test_a_failure_that_is_known_only_at_the_next_checkpoint_stops_too(sets, tmp_path, monkeypatch):
    fail_after(monkeypatch, 2, once=True, seconds=0.5)
    match = r"checkpoint-000003\.safetensors: cannot be written \(No space left on device\)"
    folder = tmp_path / "run"
    refused(FileError, match, lambda: run(stopped_runs.plain, sets, folder, checkpoint_updates=1))


def fail_after(monkeypatch, writes, *, once=False, seconds=0.0):
    """From then on the disk is full, or once; each failure takes so many seconds."""
    left, flush = [writes], os.fsync

    def flushing(handle):
        if stat.S_ISREG(os.fstat(handle).st_mode):
            left[0] -= 1
            if left[0] == -1 or (left[0] < -1 and not once):
                time.sleep(seconds)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    monkeypatch.setattr(os, "fsync", flushing)


def test_no_checkpoint_holds_weights_that_are_not_finite(sets, tmp_path, capsys):
    def build(deel):
        inner, changed = stopped_runs.plain(deel)
        student, count = changed[0], [0]

        def workout(x, t):
            outcome = inner(x, t)
            count[0] += 1
            if count[0] == 5:
                arrays = deel.engine.arrays(student.module)
                name = sorted(arrays)[0]
                deel.engine.set_arrays(
                    student.module, {**arrays, name: np.full_like(arrays[name], np.inf)}
                )
            return outcome

        return workout, changed

    folder = tmp_path / "run"
    run_stopped_by_nan(build, sets, folder)
    assert "is not finite, so that the last checkpoint stays" in capsys.readouterr().out
    state = checkpoint.read(newest(folder))
    assert state.values["batches"] == 4
    assert all(np.isfinite(array).all() for array in state.arrays.values())


def run_stopped_by_nan(build, sets, folder):
    """Its next loss is NaN, which ends it."""
    with pytest.raises(TrainingError, match=r"loss is nan|not finite"):
        run(build, sets, folder, checkpoint_updates=1)
