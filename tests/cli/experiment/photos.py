"""Folders of small photographs in classes, for the tests of `deelish new` and `distill`."""

import numpy as np
from PIL import Image

CLASSES = ("cat", "dog", "red fox")


def write_photos(folder, count=10, classes=CLASSES, side=24):
    """PNG files of noise around a colour of each class; the folder."""
    random = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 60, (side, side + 8, 3), dtype=np.uint8)
            pixels[..., number % 3] += 150
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder
