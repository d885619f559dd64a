"""A process with any program: its replies, one sentence for its errors, and its end."""

from __future__ import annotations

import gc
import os
import signal
import sys

import numpy as np
import pytest
from one_sentence import refused

from deelish.engines.own_process.process import OwnProcess
from deelish.errors import TrainingError

PROGRAM = """
import os

import numpy as np


class Program:
    def __init__(self, factor):
        print("libraries print what they like")
        self.factor, self.input_shape = 1 / factor, [1, 2, 2]

    def run(self, values):
        if values[0, 0, 0, 0] == 7:
            os.abort()
        if values[0, 0, 0, 0] == 8:
            raise ValueError("a place in its source\\nno eights. Take others.")
        return self.factor * values.sum((1, 2, 3), dtype=np.float64)[:, None]
"""


@pytest.fixture
def process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    made = OwnProcess("Sums", program, lambda reason, ended: TrainingError(f"{reason}, {ended}"))
    assert made.load_model(factor=2) == (1, 2, 2)
    yield made
    made.close()


def filled(count, value=1.0):
    return np.full((count, 1, 2, 2), value, np.float32)


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (3, 3), (2, 4), (40, 40)])
def test_as_many_replies_as_images(count, rows, process):
    values = np.random.default_rng(count).normal(size=(count, 1, 2, 2)).astype(np.float32)
    made = process.run_batch(values, rows)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, values.sum((1, 2, 3))[:, None] / 2, rtol=1e-5, atol=1e-6)


def test_earlier_replies_stay_and_another_model_takes_the_place_of_the_first(process):
    first = process.run_batch(filled(3), 3)
    process.load_model(factor=1)
    assert process.run_batch(filled(3), 3).tolist() == [[4.0]] * 3
    assert first.tolist() == [[2.0]] * 3


def test_its_errors_are_one_sentence_and_it_goes_on(process):
    def wrong():
        process.load_model(factor=0)

    refused(TrainingError, r"^Sums cannot run it \(division by zero\), False$", wrong)
    process.load_model(factor=2)
    match = r"^Sums cannot run it \(no eights, Take others\), False$"
    refused(TrainingError, match, lambda: process.run_batch(filled(1, 8), 1))
    assert process.run_batch(filled(1), 1) == 2


def test_its_end_is_one_sentence(process):
    match = "^the process of Sums ended with -6, where it should compute logits, True$"
    refused(TrainingError, match, lambda: process.run_batch(filled(1, 7), 1))
    assert not process.close.alive


def test_ctrl_c_of_the_terminal_does_not_end_it(process):
    os.kill(process._process.pid, signal.SIGINT)
    assert process.run_batch(filled(1), 1) == 2


def test_an_interrupted_request_leaves_no_reply_behind(process, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_exchanged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        process.run_batch(filled(1), 1)
    assert not process.close.alive


def test_it_ends_with_its_owner(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    made = OwnProcess("Sums", program, lambda reason, ended: TrainingError(reason))
    child = made._process
    assert child.poll() is None
    del made
    gc.collect()
    assert child.poll() is not None


def test_packages_of_the_working_folder_do_not_hide_its_own(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    made = OwnProcess("Sums", program, lambda reason, ended: TrainingError(reason))
    made.load_model(factor=2)
    assert made.run_batch(filled(1), 1) == 2
    made.close()
