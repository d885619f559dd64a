"""JPEG files of 500 x 375 pixels, blurred noise, of about the size of a photograph's."""

import numpy as np
from PIL import Image, ImageFilter

from speed.work import Task

WIDTH, HEIGHT, QUALITY, CLASSES, BATCHES = 500, 375, 92, 10, 8
# At this radius a file has about 54 kB.
BLUR = 1.5


class Files(Task):
    """Eight batches of them, in class folders. notes: `files`, and `kb`, the mean of a file."""

    def __init__(self, setting):
        super().__init__(setting)
        rng, sizes = np.random.default_rng(0), []
        for number in range(BATCHES * setting.batch):
            path = folder_of(setting) / str(number % CLASSES) / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(BLUR))
            image.save(path, quality=QUALITY)
            sizes.append(path.stat().st_size)
        self.notes = {"files": len(sizes), "kb": sum(sizes) / len(sizes) / 1000}


def folder_of(setting):
    """The folder of class folders."""
    return setting.folder / "images"
