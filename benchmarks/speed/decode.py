"""From a JPEG file to 224 x 224 pixels of the middle, by one thread: deelish and Pillow."""

import time
from abc import abstractmethod

import numpy as np

from speed.files import folder_of
from speed.work import Task, Work

SIZE, WHOLE = 224, 256


class Decode(Work):
    """All images, in the order of their paths, timed by the processor's own time."""

    type = ""
    clock = staticmethod(time.process_time)

    def __init__(self, setting):
        super().__init__(setting)
        self.paths = sorted(folder_of(setting).glob("*/*.jpg"))

    def step(self):
        return sum(1 for _ in self.images())

    @abstractmethod
    def images(self):
        """uint8 (224, 224, 3), one by one."""


class Ours(Decode):
    """deelish's loader with one thread, as validation shows images."""

    def __init__(self, setting):
        from deelish.images.loader import Loader
        from deelish.images.sample import Sample
        from deelish.plan.rendering import Rendering

        super().__init__(setting)
        items = [Sample(path, 0, str(folder_of(setting)), 0) for path in self.paths]
        self.loader = Loader(items, batch_size=setting.batch, seed=0, workers=1)
        self.rendering = Rendering(SIZE, WHOLE)
        self.loader.renderings = {self.rendering}

    def images(self):
        for batch in self.loader.batches(1, training=False):
            yield from batch.pixels(self.rendering)


class Pillow(Decode):
    """Decode, resize to 256 x 256, crop."""

    def images(self):
        from PIL import Image

        left = (WHOLE - SIZE) // 2
        box = (left, left, left + SIZE, left + SIZE)
        for path in self.paths:
            with Image.open(path) as image:
                whole = image.convert("RGB").resize((WHOLE, WHOLE), Image.Resampling.BILINEAR)
            yield np.asarray(whole.crop(box))


class Worst(Task):
    """Compares the two. notes: `worst`, the largest difference of a pixel, of 255."""

    def __init__(self, setting):
        super().__init__(setting)
        pairs = zip(Ours(setting).images(), Pillow(setting).images(), strict=True)
        self.notes["worst"] = max(int(abs(a.astype(int) - b).max()) for a, b in pairs)
