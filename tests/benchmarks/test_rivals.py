"""The benchmark beside other tools: it counts as it says, goes on after a stop, and compares alike.

Its networks are those of deelish, and its scripts have the same loss.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

PYTHON = '''"""A docstring
of two lines."""

import math  # counts


# A comment.
def area(r):
    """A docstring."""
    text = """a string
that is code"""
    return (
        math.pi * r**2,

        text,
    )
'''
YAML = "# A comment.\na: 1\n\nb:\n  # Another.\n  c: '#2'\n"


def test_only_lines_of_code_count(part):
    lines = part("rival_runs.lines")
    assert lines.python_lines(PYTHON) == 8
    assert lines.python_lines("") == 0
    assert lines.yaml_lines(YAML) == 3


def test_every_row_has_its_lines(part):
    ways, lines = part("rival_runs.ways"), part("rival_runs.lines")
    counts = {name: lines.lines_of(way.files) for name, way in ways.WAYS.items()}
    assert counts["expert"] == counts["expert, compiled"] > counts["deelish"] > 0
    assert min(counts.values()) == counts["deelish"]


def test_a_list_holds_the_first_images_of_each_class(part, tmp_path):
    lines = [f"train/no {number}.jpg {number % 10}\n" for number in range(40)]
    (tmp_path / "train.txt").write_text("".join(lines))
    made = part("kept").first_of_each(tmp_path, "train.txt", 2)
    assert made == "".join(f"{tmp_path}/{line}" for line in lines[:20])


def test_the_whole_data_set_is_taken(part, small):
    part("rival_runs.material").check_data(small)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("test.txt", lambda path: path.unlink(), r"test\.txt is missing: CIFAR10 is a folder"),
        (
            "train.txt",
            lambda path: path.write_text("".join(path.read_text().splitlines(True)[:7])),
            r"train\.txt has 7 lines, and that of CIFAR-10 has 20:.*--images",
        ),
        ("3.png", lambda path: path.unlink(), r"train\.txt, line 4: .*3\.png is missing"),
        (
            "train.txt",
            lambda path: path.write_text(path.read_text().replace("5.png 5\n", "5.png dog\n", 1)),
            r"line 6: '5\.png dog' is not a path and a label of 0 to 9",
        ),
        (
            "train.txt",
            lambda path: path.write_text(path.read_text().replace(".png 5\n", ".png 6\n", 1)),
            r"has 1 images of class 5, and each class of CIFAR-10 has 2|3 images of class 6",
        ),
        (
            "0.png",
            lambda path: Image.new("RGB", (28, 28)).save(path),
            r"0\.png has \(28, 28\) pixels, and CIFAR-10 has 32 x 32",
        ),
        (
            "train.txt",
            lambda path: path.write_bytes(20 * b"\xff\xfe\n"),
            "line 1: .* is not a path and a label of 0 to 9",
        ),
    ],
)
def test_another_data_set_is_refused(part, small, file, change, message):
    change(small / file)
    with pytest.raises(SystemExit, match=message):
        part("rival_runs.material").check_data(small)


def test_a_folder_that_cannot_be_made_is_refused(part, small, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    words = ["rivals.py", str(small), "teacher.hdf5", "--work", str(tmp_path / "file")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match=r"--work .*file: File exists; name a folder"):
        part("rivals").main()


@pytest.mark.parametrize("text", ["7", "0", "-10", "ten", "15", "60000", "1e4"])
def test_a_part_that_has_not_as_many_of_each_class_is_refused(part, text):
    with pytest.raises(argparse.ArgumentTypeError, match="a multiple of 10, from 10 to 50000"):
        part("rivals").part_of(50_000)(text)


def test_another_teacher_is_refused(part, tmp_path):
    with Deel(engine="numpy"):
        path = NetworkInNetworkCIFAR10().save(tmp_path / "nin.safetensors")
        with pytest.raises(
            SystemExit, match=r"is NetworkInNetwork.*a GoogLeNet for 10 at 96 pixels is needed"
        ):
            part("rival_runs.material").loaded(path)
        with pytest.raises(SystemExit, match=r"none\.hdf5: no such file"):
            part("rival_runs.material").loaded(tmp_path / "none.hdf5")


STUB = """import json, pathlib, sys, time
saved = pathlib.Path(sys.argv[5])
with saved.with_name("trained.txt").open("a") as file:
    file.write("WAY " + sys.argv[7] + "\\n")
WORK
print(json.dumps({"accuracy": 0.5, "seconds": 1.0}))
"""


@pytest.fixture
def bench(part, small, tmp_path, monkeypatch):
    """A function that makes a run of stubs; each writes into trained.txt that it trained."""
    ways, rivals = part("rival_runs.ways"), part("rivals")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for module in ("rival_runs.ways", "rival_runs.lines", "rival_runs.training", "rivals"):
        monkeypatch.setattr(part(module), "SCRIPTS", scripts)
    folder = tmp_path / "work"
    folder.mkdir()
    with Deel(engine="numpy"):
        teacher = GoogLeNet(labels=10, in_size=96).save(tmp_path / "teacher.safetensors")

    def made(checkout=None, seeds=1, **works):
        for name, work in works.items():
            text = STUB.replace("WAY", name).replace("WORK", work)
            (scripts / f"{name}.py").write_text(text)
        for module in (ways, rivals):
            monkeypatch.setattr(module, "WAYS", {name: ways.Way((f"{name}.py",)) for name in works})
        options = argparse.Namespace(
            data=small, teacher=teacher, images=10, test_images=10, epochs=1, seeds=seeds
        )
        options.timm = checkout
        return rivals.Bench(options, folder)

    return made


def trained(tmp_path):
    return (tmp_path / "work" / "trained.txt").read_text().split("\n")[:-1]


def rival(part, bench, **fields):
    """The row `other` of a run gets these fields, and an environment that is this one."""
    ways = part("rivals").WAYS
    ways["other"] = ways["other"]._replace(**fields)
    return bench


@pytest.fixture
def this_python(part, monkeypatch):
    """Every environment is that of the test."""
    environments = part("rival_runs.environments")
    monkeypatch.setattr(environments, "environment", lambda way, folder: Path(sys.executable))


def test_finished_rows_are_not_trained_again(part, bench, tmp_path, this_python):
    stopped = bench(seeds=2, one="", other="raise KeyError(0)")
    rival(part, stopped, packages=("numpy",)).measure_all()
    assert trained(tmp_path) == ["one 0", "other 0", "one 1"]
    assert stopped.left_out == {"other": "other.py ended with status 1: KeyError: 0"}
    whole = bench(seeds=2, one="", other="")
    rival(part, whole, packages=("numpy",)).measure_all()
    assert trained(tmp_path)[3:] == ["other 0", "other 1"]
    assert [len(row["runs"]) for row in whole.rows.values()] == [2, 2]
    assert whole.rows["one"]["runs"] == stopped.rows["one"]["runs"]


def test_a_row_is_measured_again_for_another_script_list_or_teacher(part, bench, tmp_path):
    bench(one="").measure_all()
    bench(one="").measure_all()
    assert trained(tmp_path) == ["one 0"]
    bench(one="pass").measure_all()
    assert len(trained(tmp_path)) == 2
    longer = bench(one="pass")
    longer.options.epochs = 2
    longer.measure_all()
    assert len(trained(tmp_path)) == 3
    part("rivals").Bench(
        argparse.Namespace(**{**vars(longer.options), "images": 20}), tmp_path / "work"
    ).measure_all()
    assert len(trained(tmp_path)) == 4
    with Deel(engine="numpy", seed=5):
        GoogLeNet(labels=10, in_size=96).save(longer.options.teacher)
    longer.measure_all()
    assert len(trained(tmp_path)) == 5


def test_a_failing_deelish_ends_the_run(bench):
    with pytest.raises(SystemExit, match=r"one\.py ended with status 1: ValueError: bad"):
        bench(one="raise ValueError('bad')").measure_all()


@pytest.fixture
def quick_environments(part, tmp_path, monkeypatch):
    """Environments are made at once, of the Python of the test; pip is real, without a network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    run = subprocess.run

    def quick(command, **options):
        if "venv" not in command:
            return run(command, **options)
        assert command[3] == "--clear"
        shutil.rmtree(command[4], ignore_errors=True)
        (command[4] / "bin").mkdir(parents=True)
        python = command[4] / "bin" / "python"
        # No link: Python 3.14 looks for its packages beside one.
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        return None

    monkeypatch.setattr(part("rival_runs.environments").subprocess, "run", quick)


def test_what_pip_cannot_install_is_left_out_and_the_others_go_on(
    part, bench, tmp_path, quick_environments
):
    run = rival(part, bench(other="", last=""), packages=("no-such-package>=2",))
    run.measure_all()
    assert list(run.rows) == ["last"]
    assert "could not install no-such-package>=2: No matching" in run.left_out["other"]
    assert trained(tmp_path) == ["last 0"]


def test_an_unfinished_environment_is_made_again(part, tmp_path, quick_environments):
    environments, ways = part("rival_runs.environments"), part("rival_runs.ways")
    way = ways.Way(("a.py",), packages=("pip",))
    place = tmp_path / "environments" / "pip"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("half")
    python = environments.environment(way, tmp_path)
    assert "pip" in environments.versions(way, python)
    (place / "mark").touch()
    assert environments.environment(way, tmp_path) == python
    assert (place / "mark").exists()


def test_timm_needs_a_checkout_that_holds_its_script(part, tmp_path):
    ways = part("rival_runs.ways")
    with pytest.raises(ways.LeftOut, match=r"train\.py is in no package: .*--timm"):
        ways.program_of(ways.WAYS["timm"], None)
    with pytest.raises(ways.LeftOut, match=r"has no train\.py: --timm names the folder"):
        ways.program_of(ways.WAYS["timm"], tmp_path)
    (tmp_path / "train.py").touch()
    assert ways.program_of(ways.WAYS["timm"], tmp_path) == [tmp_path / "train.py"]
    assert ways.program_of(ways.WAYS["expert"], tmp_path) == []


def test_the_reason_is_the_error_and_not_a_bar_after_it(part):
    errors = "Traceback:\n  File\nRuntimeError: no weights\nEpoch 0:   0%|   | 0/7"
    reason = part("rival_runs.training").failure(Path("with_a.py"), 1, errors)
    assert reason == "with_a.py ended with status 1: RuntimeError: no weights"


DRIVER = """import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rival_runs import training
from rival_runs.ways import Way
training.SCRIPTS = Path(sys.argv[2])
training.run(sys.executable, Way(("sleeper.py",)), [sys.argv[2] + "/pid"], Path(sys.argv[2]))
"""
SLEEPER = """import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""


def test_a_training_ends_with_a_benchmark_that_is_killed(tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(FOLDER), str(tmp_path)])
    pid = waited(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert running(pid)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert waited(lambda: not running(pid))


def waited(check, seconds=20):
    """The first true value of a check; its last one when the time is over."""
    end = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_the_table_holds_means_notes_and_reasons(part):
    run = {"accuracy": 0.5, "seconds": 2.0, "seconds_in_all": 3.0, "peak_mb": 100.0}
    row = {"lines": 24, "network_lines": 0, "runs": [run, {**run, "accuracy": 0.6}]}
    notes, left_out = {"one": "", "two": "another job"}, {"three": "pip could not install it"}
    text = "\n".join(
        part("rival_runs.table").lines(
            {"one": row, "two": row},
            notes,
            {"one": {"torch": "2.13"}, "one, twice": {"torch": "2.13"}},
            left_out,
        )
    )
    assert "one                       24         -    55.00%    10.00%       2.0" in text
    assert "two: another job" in text
    assert "three: left out, as pip could not install it" in text
    assert text.count("torch 2.13") == 1
