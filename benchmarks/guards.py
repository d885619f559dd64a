"""What the search for NaN and infinity costs: updates with it and without it, in turn.

    python benchmarks/guards.py [--steps 40] [--images 32] [--json]

Three students learn from labels, in batches of 32 images of 224 or 227 pixels from memory. Every
other update runs without the checks: no look at the input, the gradients and the weights, no copy
of the running means. Medians of the seconds of one update, and the ratio of neighbours.
"""

import argparse
import json
import os
import platform
import statistics
import time

import numpy as np
import torch
import torchvision

from deelish import *
from deelish.network.tensors import ImageTensor, LabelTensor
from deelish.networks import GoogLeNet, NetworkInNetwork
from deelish.training.step import BackpropArguments, backprop
from deelish.training.trainer import Counts, Extent, Optimization, Trainer


class Pixels:
    """Noise in place of photographs."""

    def __init__(self, images):
        self._images, self._made = images, {}

    def __len__(self):
        return self._images

    def pixels(self, rendering):
        side = rendering.size
        if side not in self._made:
            rng = np.random.default_rng(0)
            self._made[side] = rng.integers(0, 256, (self._images, side, side, 3), dtype=np.uint8)
        return self._made[side]


class Unguarded:
    """Within a `with` block an engine checks and copies nothing."""

    METHODS = ("all_finite", "copied_buffers", "restore_buffers")

    def __init__(self, engine):
        self._engine = engine

    def __enter__(self):
        import deelish.engines.torch.engine as module

        self._module, self._check = module, module.all_finite
        module.all_finite = lambda tensors: True
        self._engine.copied_buffers = lambda module: []

    def __exit__(self, *_):
        self._module.all_finite = self._check
        del self._engine.copied_buffers


def seconds_of(session, student, steps, images):
    """The seconds of updates with the checks and without them, in turn."""
    how = Optimization("sgd", 1e-3, lambda done: 1.0, {"momentum": 0.9})
    trainer = Trainer(session, how, Counts(), Extent(1, 2 * steps + 4))
    labels = np.arange(images) % student.classes
    tensor = ImageTensor(Pixels(images), session.engine, LabelTensor(labels, session.engine))
    arguments = BackpropArguments(False, None, None, None, {})

    def update():
        start = time.perf_counter()
        trainer.begin(tensor, "a batch")
        trainer.classify(student, tensor)
        backprop(trainer, student, labels, arguments)
        if session.engine.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    for _ in range(4):
        update()
    found = {"with": [], "without": []}
    for step in range(steps):
        # The order changes, so that neither profits from being second.
        for way in ("with", "without") if step % 2 else ("without", "with"):
            if way == "with":
                found[way].append(update())
            else:
                with Unguarded(session.engine):
                    found[way].append(update())
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40, help="updates of each way")
    parser.add_argument("--images", type=int, default=32, help="images a batch")
    parser.add_argument("--gpu", type=int, default=-1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    results = {}
    with Deel(gpu=options.gpu, precision=options.precision) as session:
        pixels = {"size": 224, "mean": 0, "scale": 1 / 255, "order": "RGB"}
        students = {
            "NIN": NetworkInNetwork,
            "GoogLeNet": GoogLeNet,
            "resnet18": lambda: Student(torchvision.models.resnet18(), **pixels),
        }
        for name, make in students.items():
            found = seconds_of(session, make(), options.steps, options.images)
            pairs = zip(found["with"], found["without"], strict=True)
            ratio = statistics.median(one / other for one, other in pairs)
            medians = {way: statistics.median(times) for way, times in found.items()}
            cost = medians["with"] / medians["without"] - 1
            print(
                f"{name:10} {medians['with']:.4f} s with, {medians['without']:.4f} s without:"
                f" {cost:+.2%} of medians, {ratio - 1:+.2%} median of pairs"
            )
            results[name] = {"cost": round(cost, 5), "pairs": round(ratio - 1, 5)}
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
