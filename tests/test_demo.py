"""The demo's lists and its picture are what the page says of them."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "examples" / "teach_digits.py"


@pytest.fixture
def demo(monkeypatch, tmp_path):
    """The demo's module, in a folder of its own, on 30 digits of each class."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["teach_digits.py", str(tmp_path / "digits")])
    spec = importlib.util.spec_from_file_location("teach_digits", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for folder in (module.DIGITS, module.OUT):
        folder.mkdir()
    for name in ("train", "test"):
        lines = "".join(f"{name}{number}.png {number % 10}\n" for number in range(300))
        (module.DIGITS / f"{name}.txt").write_text(lines)
    return module


def test_the_demos_student_alone_has_20_labels_of_each_digit(demo):
    demo.write_lists()
    few = demo.FEW.read_text().splitlines()
    assert set(few) == {f"train{number}.png {number % 10}" for number in range(200)}
    unlabelled = demo.UNLABELLED.read_text().splitlines()
    assert unlabelled == [f"train{number}.png" for number in range(300)]


def test_the_demos_picture_shows_what_the_teacher_changed_and_what_it_did_not(demo, monkeypatch):
    labels = np.arange(300) % 10
    answers = {name: labels.copy() for name in ("teacher", "alone", "distilled")}
    answers["alone"][[5, 17]] = 0
    answers["alone"][40] = answers["distilled"][40] = 9
    shown = []
    monkeypatch.setattr(demo, "predictions", answers.get)
    monkeypatch.setattr(demo, "Input", list)
    monkeypatch.setattr(demo, "Show", lambda paths, captions, save: shown.append((paths, captions)))
    demo.show_differences({name: name for name in answers})
    ((paths, captions),) = shown
    assert [path.name for path in paths] == ["test5.png", "test17.png", "test40.png"]
    assert captions[0] == "label 5\nteacher 5\nalone 0\ndistilled 5"
    assert captions[2] == "label 0\nteacher 0\nalone 9\ndistilled 9"


def test_the_demos_table_has_the_mean_and_the_spread_of_its_seeds(demo, monkeypatch, capsys):
    found = {"alone": [0.90, 0.91, 0.95], "distilled": [0.96, 0.97, 0.98]}
    numbers = {"parameters": 1234, "file_bytes": 5_000_000, "ms_32": 0.125}
    demo.CHECKPOINTS.mkdir()
    monkeypatch.setattr(demo, "train_teacher", lambda seed: [0.99])
    monkeypatch.setattr(demo, "train_students", lambda seeds, name, *how, **named: found[name])
    monkeypatch.setattr(demo.Network, "load", lambda path: path)
    rows = ("teacher", "student 1", "student 2")
    monkeypatch.setattr(demo, "Compare", lambda *given, **how: dict.fromkeys(rows, numbers))
    monkeypatch.setattr(demo, "show_differences", lambda networks: None)
    demo.main()
    lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines if line.startswith((*found, "teacher"))]
    rest = ["1,234", "5.00", "MB", "0.125"]
    assert table == [
        ["teacher", "99.0%", "0.0%", *rest],
        ["alone", "92.0%", "5.0%", *rest],
        ["distilled", "97.0%", "2.0%", *rest],
    ]


@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_the_demo_says_where_its_digits_come_from(demo, name):
    (demo.DIGITS / name).unlink()
    with pytest.raises(SystemExit, match=f"{name}: no such file; `python data/digits.py` writes"):
        demo.main()
    assert not list(demo.OUT.iterdir())


@pytest.mark.parametrize("line", ["1.png", "1.png seven", "1.png 10", "1.png 1 2", "", "1"])
@pytest.mark.parametrize("name", ["train.txt", "test.txt"])
def test_the_demo_names_a_line_that_is_none_of_its_lists(demo, name, line):
    path = demo.DIGITS / name
    path.write_text(f"0.png 3\n{line}\n")
    words = f"{path}, line 2: {line!r} is not a path and a label from 0 to 9; `python data/digits"
    with pytest.raises(SystemExit, match=re.escape(words)):
        demo.main()
    assert not list(demo.OUT.iterdir())


@pytest.mark.parametrize("seed", ["-1", "one", "1.5"])
def test_the_demo_refuses_a_wrong_seed(demo, monkeypatch, seed):
    monkeypatch.setattr(sys, "argv", [*sys.argv, seed])
    with pytest.raises(SystemExit, match=f"'{seed}': give the first seed as a whole number"):
        demo.main()
    assert not list(demo.OUT.iterdir())


def test_the_demo_takes_its_first_seed_from_the_command_line(demo, monkeypatch):
    assert demo.first_seed() == 0
    monkeypatch.setattr(sys, "argv", [*sys.argv, "6"])
    assert demo.first_seed() == 6
