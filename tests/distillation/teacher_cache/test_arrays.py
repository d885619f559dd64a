"""A teacher's images are cached in half precision, and how much room they take is said before."""

import numpy as np
import pytest
from arrays import reconstruction
from helpers import once, write_set
from hinted import known

from deelish import Deel, InputBatch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def run(folder, **how):
    """The teacher's outputs of an epoch, and how often it ran."""
    with Deel(seed=1):
        teacher, student = known(reconstruction("Teacher")), reconstruction("Student", 4)
        lists = folder / "train.txt", folder / "val.txt"
        InputBatch(*lists, batch_size=16, views=2, **how)
        outputs, runs, compute = [], [], teacher.compute
        teacher.compute = lambda *given, **how: (runs.append(1), compute(*given, **how))[1]

        def workout(x, t):
            y = teacher.batch_feature(x)
            outputs.append(y.value)
            student.forward(x)
            return student.backprop(y, distill=True, loss="mse")

        once(workout)
        return np.concatenate(outputs), len(runs), teacher


def test_a_second_run_computes_nothing_and_gets_the_same_bits(folder, capsys):
    write_set(folder, "train", 64)
    write_set(folder, "val", 20, first=64)
    first, runs, _ = run(folder)
    # Of 64 numbers in two bytes; two views of 64 images, and 20 for validation.
    line = "outputs of Teacher: 64 numbers, 128 bytes an image; 64 images, 2 views, and 20 for"
    assert line in capsys.readouterr().out
    assert runs == 6
    second, runs, _ = run(folder)
    assert runs == 0
    assert first.shape == (84, 1, 8, 8)
    assert (first == second).all()
    assert (first.astype(np.float16) == first).all()


def test_all_numbers_are_cached_whatever_top_says_of_logits(folder):
    write_set(folder, "train", 64)
    write_set(folder, "val", 20, first=64)
    first, *_ = run(folder)
    second, runs, _ = run(folder, top=3)
    assert runs == 0
    assert (first == second).all()


def test_a_list_of_the_caches_files_says_what_they_hold(folder, capsys):
    from deelish.cli.command import main

    write_set(folder, "train", 64)
    write_set(folder, "val", 20, first=64)
    run(folder)
    capsys.readouterr()
    main(["cache", "list"])
    assert "outputs 1 x 8 x 8" in capsys.readouterr().out
    assert main(["cache", "check"]) in (0, None)
