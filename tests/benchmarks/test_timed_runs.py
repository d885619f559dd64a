"""Benchmarks that only time: each runs in a small form, and its figures hold together."""

import importlib.util
import json
import sys

import pytest
from conftest import require_chainer
from images.views.photographs_made import photograph

NIN, RESNET18 = 7.6, 11.69  # millions of parameters
FLOATS = 12  # bytes of a parameter and of Adam's two moments


@pytest.fixture
def run(part, monkeypatch, capsys):
    """A function that runs a benchmark in this process; the object that its last line holds.

    Its named arguments are constants of the benchmark, smaller ones.
    """

    def runs(benchmark, *arguments, **constants):
        for name, value in constants.items():
            monkeypatch.setattr(part(benchmark), name, value)
        monkeypatch.setattr(sys, "argv", [benchmark, *map(str, arguments), "--json"])
        part(benchmark).main()
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return runs


def test_a_strict_check_of_jpeg_finds_what_pillow_does_not(run, tmp_path):
    for number in range(6):
        photograph(200, 150 + number).save(tmp_path / f"{number}.jpg", quality=92)
    found = run("strict_jpeg", tmp_path, "--rounds", 1)
    plain, strict = found["milliseconds"]
    assert 0 < plain < 100
    assert found["ratio"] == pytest.approx(strict / plain)
    by_strict, by_pillow = found["found"]["zeroed"]
    assert by_strict > 0.5 > by_pillow
    assert all(0 <= share <= 1 for share in found["found"]["flipped"])


def test_a_folder_without_photographs_is_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("strict_jpeg", tmp_path)
    wrong = f"error: {tmp_path}: holds no JPEG file; name a folder of photographs\n"
    assert capsys.readouterr().err.endswith(wrong)


@pytest.mark.long
def test_the_language_is_timed_beside_its_steps_by_hand(run):
    found = run("overhead", "--rounds", 1, BATCH=2, IMAGES=4)
    assert 0.02 < found["deelish_vs_hand"] < 5
    assert found["peak_mb"] > 100


@pytest.mark.long
def test_checkpoints_hold_weights_and_moments(run):
    found = run("checkpoints", "--rounds", 1, BATCH=2, UPDATES=1)
    for name, millions in {"NIN": NIN, "ResNet-18": RESNET18}.items():
        row = found[name]
        assert row["bytes"] == pytest.approx(FLOATS * millions * 1e6, rel=0.01)
        assert min(row[part] for part in ("copy", "still", "pause", "updates", "during")) > 0
        lost = row["still"] + max(0, row["during"] - row["updates"])
        assert row["fraction"] == pytest.approx(lost / 600)


@pytest.mark.long
def test_both_engines_take_turns(run, part, monkeypatch):
    require_chainer()
    runner, turns = part("both_engines").Runner, []

    def noted(work):
        def does(self):
            turns.append((self.engine.name, work.__name__))
            work(self)

        return does

    for work in (runner.forward, runner.step):
        monkeypatch.setattr(runner, work.__name__, noted(work))
    found = run("both_engines", "--rounds", 1, "--batch", 1)
    each = [(engine, work) for engine in ("torch", "chainer") for work in ("forward", "step")]
    # Two networks, each with a warm-up and a round.
    assert turns == each * 4
    works = [f"{name}_{work}" for name in ("GoogLeNet", "NIN") for work in ("forward", "step")]
    assert list(found) == [f"{work}_torch_vs_chainer" for work in works]
    assert all(ratio > 0.1 for ratio in found.values())


@pytest.mark.long
def test_a_caffe_file_opens_without_a_copy_of_its_weights(run):
    found = run("caffe_load", "--rounds", 1)
    # A network holds a copy of all 553 MB.
    assert 0 < 5 * found["views_s"] < found["network_s"]
    assert found["peak_mb"] < 100
    # VGG-16 has 138 million weights.
    assert 500 < found["network_mb"] < 600
    for name, module in {"vs_opencv": "cv2", "vs_chainer": "chainer"}.items():
        installed = importlib.util.find_spec(module) is not None
        assert (found[name] > 1) if installed else (found[name] is None)
