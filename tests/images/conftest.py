"""Lists of small images, for what the loader's batches show of them."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def noise(tmp_path, monkeypatch):
    """train.txt in the working folder: nine noise images of several shapes; label = line - 1."""
    return _written(tmp_path, monkeypatch, 9)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The same of eleven images, which leave a last batch of three where a batch holds four."""
    return _written(tmp_path, monkeypatch, 11)


def _written(folder, monkeypatch, count):
    monkeypatch.chdir(folder)
    draw = np.random.default_rng(0)
    for index in range(count):
        pixels = draw.integers(0, 256, (30 + index, 50 - index, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{index}.png")
    (folder / "train.txt").write_text("".join(f"{index}.png {index}\n" for index in range(count)))
    return "train.txt"
