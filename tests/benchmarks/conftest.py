"""What these tests share: the benchmarks' modules, and sets of a few images."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """A function that gives a module of the benchmark by its name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


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


@pytest.fixture
def data(tmp_path):
    """Thirty images of ten classes, as training and as test images."""
    rng = np.random.default_rng(0)
    for number in range(30):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    lines = "".join(f"{number}.png {number % 10}\n" for number in range(30))
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).write_text(lines)
    return tmp_path
