"""A list of small images, for what the loader's batches show of them."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def noise(tmp_path, monkeypatch):
    """train.txt in the working folder: nine noise images of several shapes; label = line - 1."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for index in range(9):
        pixels = draw.integers(0, 256, (30 + index, 50 - index, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{index}.png")
    (tmp_path / "train.txt").write_text("".join(f"{index}.png {index}\n" for index in range(9)))
    return "train.txt"
