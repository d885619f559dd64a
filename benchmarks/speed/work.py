"""What all sides have in common: how they are timed, and the images and labels that they see."""

import time
from abc import ABC, abstractmethod

import numpy as np

from deelish.engines.precision import processor_has_bfloat16

# Of every training step, and of the teacher's predictions.
LR, MOMENTUM, TEMPERATURE = 1e-3, 0.9, 4
# Blue, green and red, as both networks need them.
MEAN = np.array((104, 117, 123), np.float32).reshape(3, 1, 1)


def type_of(precision):
    """What a side computes in: "auto" is bfloat16 where the processor multiplies in it."""
    reduced = precision == "auto" and processor_has_bfloat16()
    return "bfloat16" if reduced else "float32"


class Absent(Exception):
    """What a side needs is not installed; the sentence says what."""


class Task:
    """Work that is done when it is made. A side makes one from its setting and options.

    type: what networks compute in.  notes: numbers by name.
    """

    type = "float32"

    def __init__(self, setting):
        self.setting, self.notes = setting, {}


class Work(Task, ABC):
    """Work that is timed.

    clock: what it is timed by.  notes: more numbers of the last step, by name.
    """

    clock = staticmethod(time.perf_counter)

    @abstractmethod
    def step(self):
        """Do it once; returns how many images that were."""

    def round(self):
        """(images, seconds) of steps that take at least the setting's seconds together."""
        images, start = 0, self.clock()
        while not images or self.clock() - start < self.setting.seconds:
            images += self.step()
        return images, self.clock() - start


class Epoch(Work):
    """Work of which a step, and so a round, is an epoch."""

    def round(self):
        start = self.clock()
        return self.step(), self.clock() - start


def pixels_of(setting, network):
    """uint8 (n, size, size, 3), RGB: the same random images in every process."""
    size = setting.sizes[network]
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (setting.batch, size, size, 3), dtype=np.uint8)


def labels_of(setting):
    """int64 (n,)."""
    return np.arange(setting.batch) % 10


def planes(pixels):
    """RGB pixels (n, h, w, 3) -> float32 (n, 3, h, w), contiguous: blue first, less the mean."""
    n, h, w, _ = pixels.shape
    values = np.empty((n, 3, h, w), np.float32)
    return np.subtract(pixels[..., ::-1].transpose(0, 3, 1, 2), MEAN, out=values)
