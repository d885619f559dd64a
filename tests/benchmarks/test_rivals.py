"""The benchmark beside other tools: it counts as it says, goes on after a stop, and compares alike.

Its networks are those of deelish, and its scripts have the same loss.
"""

import argparse
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# A git checkout of pytorch-image-models, whose train.py is in no wheel.
CHECKOUT = os.environ.get("DEELISH_TIMM")


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


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
    lines = [f"train/{number}.jpg {number % 10}\n" for number in range(40)]
    (tmp_path / "train.txt").write_text("".join(lines))
    (tmp_path / "work").mkdir()
    material = part("rival_runs.material")
    made = material.first_of_each(tmp_path, "train.txt", 20, tmp_path / "work")
    assert made.read_text() == "".join(f"{tmp_path}/{line}" for line in lines[:20])


@pytest.fixture
def small(part, tmp_path, monkeypatch):
    """A data set of two images a class, by a CIFAR-10 that is as small."""
    material = part("rival_runs.material")
    monkeypatch.setattr(material, "LISTS", {"train.txt": 20, "test.txt": 20})
    data = tmp_path / "data"
    data.mkdir()
    for number in range(20):
        colour = (12 * number, 255 - 12 * number, 80 + 5 * number)
        Image.new("RGB", (32, 32), colour).save(data / f"{number}.png")
    lines = "".join(f"{number}.png {number % 10}\n" for number in range(20))
    for name in material.LISTS:
        (data / name).write_text(lines)
    return data


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
        (command[4] / "bin" / "python").symlink_to(sys.executable)
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


@pytest.mark.parametrize(
    ("name", "made"),
    [("GoogLeNet", lambda: GoogLeNet(labels=10, in_size=96)), ("NIN", NetworkInNetworkCIFAR10)],
)
def test_the_networks_of_the_others_give_the_logits_of_deelishs(
    part, tmp_path, monkeypatch, name, made
):
    monkeypatch.syspath_prepend(str(FOLDER / "rivals"))
    networks = part("networks")
    with Deel(seed=1):
        ours = made()
        path = ours.save(tmp_path / "network.safetensors")
        x = np.random.default_rng(0).normal(0, 70, ours.plan.inputs["data"]).astype(np.float32)
        (expected,) = ours.run({"data": x}, ours.plan.logits).values()
    theirs = networks.load(getattr(networks, name)(), path).eval()
    with torch.no_grad():
        logits = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, expected.reshape(1, 10), atol=1e-4)


@pytest.fixture
def certain(small, tmp_path):
    """The arguments of a script, for a training whose first loss is known; and that loss.

    Images of one colour look alike in every view, and the logits of a student whose last layer has
    no weights are its biases, whatever dropout does. It is one batch, each image 16 times.
    """
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("teacher", "student")]
    images = [small / f"{number}.png" for number in (1, 6, 11, 16)]
    with Deel(seed=1, precision="float32"):
        teacher = GoogLeNet(labels=10, in_size=96)
        teacher.save(paths[0])
        NetworkInNetworkCIFAR10().save(paths[1])
        logits = [teacher_logits(teacher, path) for path in images]
    # Random weights give ten logits that are almost equal; these are as far apart as trained ones.
    factor = 4 / np.std(logits, axis=1).mean()
    change(paths[0], "loss3/classifier", lambda values: factor * values)
    bias = np.arange(10, dtype=np.float32) / 3
    change(paths[1], "cccp6", lambda values: bias if values.ndim == 1 else 0 * values)
    soft_teacher, soft_student = (
        log_softmax(each / 4) for each in (factor * np.array(logits), bias)
    )
    loss = 16 * (np.exp(soft_teacher) * (soft_teacher - soft_student)).sum(1).mean()
    for name, count in (("train.txt", 16), ("test.txt", 1)):
        lines = [f"{path} {label}\n" for label, path in enumerate(images)]
        (tmp_path / name).write_text("".join(count * lines))
        paths.append(str(tmp_path / name))
    return [*paths, str(tmp_path / "saved.pt"), "1", "0"], loss


def teacher_logits(teacher, path):
    """The logits for an image of one colour: blue, green and red, less their means."""
    colour = np.array(Image.open(path).getpixel((0, 0)), np.float32)[::-1] - (104, 117, 123)
    x = np.broadcast_to(colour[None, :, None, None], (1, 3, 96, 96)).astype(np.float32)
    return teacher.run({"data": x}, teacher.plan.logits)[teacher.plan.logits].reshape(10)


def change(path, layer, new):
    """Give the weights of a layer other values in a file."""
    arrays = load_file(path)
    names = [name for name in arrays if name.startswith(layer)]
    assert len(names) == 2
    save_file({**arrays, **{name: new(arrays[name]) for name in names}}, path)


def log_softmax(values):
    return values - np.log(np.exp(values).sum(-1, keepdims=True))


@pytest.mark.parametrize("script", ["with_pytorch.py", "with_expert.py", "with_timm.py"])
def test_the_scripts_have_the_loss_of_the_formula(certain, script):
    (arguments, expected) = certain
    if script == "with_timm.py":
        if not CHECKOUT:
            pytest.skip("name a git checkout of pytorch-image-models in DEELISH_TIMM")
        arguments.append(f"{CHECKOUT}/train.py")
    command = [sys.executable, FOLDER / "rivals" / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loss = float(re.search(r'(?:epoch 1: loss|"loss":) ([\d.]+)', done.stdout)[1])
    # Bfloat16 has three digits.
    assert loss == pytest.approx(expected, rel=0.03)
    assert '{"accuracy": 0.' in done.stdout.splitlines()[-1]
    assert set(torch.load(arguments[4])) > {"conv1.weight", "cccp6.bias"}
