"""What the machine's convolutions do at best, and what a row would take at that rate."""

import time

import torch
import torch.nn.functional as F

from deelish.engines.precision import processor_has_bfloat16
from speed.work import Work

CHANNELS, SIDES, REPEATS = 512, (7, 14, 28), 3
# Where the batch is as given; the others have as many pixels in all.
MIDDLE = 14


class Rates(Work):
    """The best rate of a few convolutions, 3 x 3, channels last.

    notes: multiply-adds a second, by "float32 forward", "bfloat16 step" and so on.
    """

    def step(self):
        for type in ("float32", "bfloat16") if processor_has_bfloat16() else ("float32",):
            for work in ("forward", "step"):
                shapes = [(round(self.setting.batch * (MIDDLE / n) ** 2) or 1, n) for n in SIDES]
                rates = [rate(getattr(torch, type), work, *shape) for shape in shapes]
                self.notes[f"{type} {work}"] = max(rates)
        return 1

    def round(self):
        """One step; its time means nothing."""
        return self.step(), 1.0


def rate(type, work, batch, side):
    """Multiply-adds a second on a batch of images of so many pixels a side: the best of a few."""
    trains = work == "step"
    shapes = ((batch, CHANNELS, side, side), (CHANNELS, CHANNELS, 3, 3))
    x, weight = (
        torch.randn(shape, dtype=type)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_(trains)
        for shape in shapes
    )
    gradient = torch.ones_like(x)
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        made = F.conv2d(x, weight, padding=1)
        if trains:
            torch.autograd.grad(made, (x, weight), gradient)
        times.append(time.perf_counter() - start)
    products = batch * side**2 * CHANNELS**2 * 9
    return products * (3 if trains else 1) / min(times)
