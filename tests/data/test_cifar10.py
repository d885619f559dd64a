"""CIFAR-10 from an archive like the published one: pixels, labels, lists, and wrong archives."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "cifar10.py"
INSIDE = "cifar-10-batches-bin"
FILES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


@pytest.fixture
def cifar10(monkeypatch):
    """The script, for ten images a file."""
    spec = importlib.util.spec_from_file_location("cifar10_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "COUNT", 10)
    return module


def rows(number, count=10):
    """Labels (n,) and pixels (n, 32, 32, 3) of a file."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 10, count, np.uint8), rng.integers(0, 256, (count, 32, 32, 3), np.uint8)


def archive(path, count=10, files=FILES):
    """An archive as the publisher's page describes it; its checksum."""
    with tarfile.open(path, "w:gz") as tar:
        for number, name in enumerate(files):
            labels, pixels = rows(number, count)
            planes = pixels.transpose(0, 3, 1, 2).reshape(count, -1)
            data = np.concatenate([labels[:, None], planes], 1).tobytes()
            member = tarfile.TarInfo(f"{INSIDE}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return "md5:" + hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def run(module, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["cifar10.py", *map(str, arguments)])
    return module.main()


def test_pixels_and_labels_are_those_of_the_archive(cifar10, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cifar10, "CHECKSUM", archive(tmp_path / "a.tar.gz"))
    folder = tmp_path / "made"
    assert run(cifar10, monkeypatch, folder, "--archive", tmp_path / "a.tar.gz") == 0
    for part, numbers in (("train", range(5)), ("test", [5])):
        lines = (folder / f"{part}.txt").read_text().splitlines()
        assert len(lines) == 10 * len(numbers)
        expected = [rows(number) for number in numbers]
        labels = np.concatenate([each for each, _ in expected])
        assert [int(line.split()[1]) for line in lines] == labels.tolist()
        shown = [np.asarray(Image.open(folder / line.split()[0])) for line in lines]
        np.testing.assert_array_equal(shown, np.concatenate([each for _, each in expected]))
    assert (folder / "labels.txt").read_text().split()[3] == "cat"
    capsys.readouterr()
    assert run(cifar10, monkeypatch, folder) == 0
    assert "are there" in capsys.readouterr().out


def test_a_run_that_was_interrupted_starts_again(cifar10, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cifar10, "CHECKSUM", archive(tmp_path / "a.tar.gz"))
    folder = tmp_path / "made"
    assert run(cifar10, monkeypatch, folder, "--archive", tmp_path / "a.tar.gz") == 0
    (folder / "train" / "00007.png").unlink()
    assert run(cifar10, monkeypatch, folder, "--archive", tmp_path / "a.tar.gz") == 0
    assert (folder / "train" / "00007.png").is_file()


def test_an_archive_that_is_another_one_is_named(cifar10, monkeypatch, tmp_path, capsys):
    found = archive(tmp_path / "a.tar.gz").removeprefix("md5:")
    assert run(cifar10, monkeypatch, tmp_path / "made", "--archive", tmp_path / "a.tar.gz") == 1
    error = capsys.readouterr().err
    assert found in error
    assert "c32a1d4ab5d03f1284b67883e8d87530" in error
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("given", "got"),
    [({"count": 9}, "27,657"), ({"files": FILES[:2]}, "data_batch_3.bin has 0 bytes")],
)
def test_an_archive_with_too_few_images_is_named(
    cifar10, monkeypatch, tmp_path, capsys, given, got
):
    monkeypatch.setattr(cifar10, "CHECKSUM", archive(tmp_path / "a.tar.gz", **given))
    assert run(cifar10, monkeypatch, tmp_path / "made", "--archive", tmp_path / "a.tar.gz") == 1
    error = capsys.readouterr().err
    assert got in error
    assert "30,730" in error
    assert not (tmp_path / "made" / "train.txt").exists()


def test_a_missing_archive_is_named(cifar10, monkeypatch, tmp_path, capsys):
    assert run(cifar10, monkeypatch, tmp_path / "made", "--archive", tmp_path / "none") == 1
    assert "no such file; leave --archive out" in capsys.readouterr().err
