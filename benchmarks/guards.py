"""What the search for NaN and infinity costs: updates with it and without it, in turn.

    python benchmarks/guards.py [--steps 40] [--images 32] [--precision float32] [--json]

Three students learn from labels, in batches of 32 images of 224 or 227 pixels from memory. Every
other update runs without the checks: no look at the input, the gradients and the weights, no copy
of the running means. Medians of the CPU seconds of one update, which other programs on the machine
disturb little, and beside the difference what the checks took by themselves.
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
from speed.options import at_least

import deelish.engines.torch.engine as torch_engine
from deelish import *
from deelish.network.inputs import ImageTensor
from deelish.network.tensors import LabelTensor
from deelish.networks import GoogLeNet, NetworkInNetwork
from deelish.training.optimization import Extent, Optimization
from deelish.training.step import BackpropArguments, backprop
from deelish.training.trainer import Counts, Trainer

# Updates before the first that counts.
WARM = 3
PIXELS = {"size": 224, "mean": 0, "scale": 1 / 255, "order": "RGB"}
PIXELS |= {"crop": 224 / 256, "crop_mode": "center", "interpolation": "bilinear"}
STUDENTS = {
    "NIN": NetworkInNetwork,
    "GoogLeNet": GoogLeNet,
    "resnet18": lambda: Student(torchvision.models.resnet18(), **PIXELS),
}


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


class Checks:
    """Switches the checks of an engine off and on, and measures the time that they take.

    Attributes:
        on: whether they run.
        seconds: what they took since it was set to 0.
    """

    def __init__(self, engine):
        self.on, self.seconds = True, 0.0
        torch_engine.all_finite = self._timed(torch_engine.all_finite, True)
        engine.copied_buffers = self._timed(engine.copied_buffers, [])

    def _timed(self, check, instead):
        def call(argument):
            if not self.on:
                return instead
            start = time.process_time()
            found = check(argument)
            self.seconds += time.process_time() - start
            return found

        return call


def updates(session, student, images, count):
    """A function that makes one update, of so many, by labels on a batch of noise."""
    how = Optimization("sgd", 1e-3, lambda done: 1.0, {"momentum": 0.9})
    trainer = Trainer(session, how, Counts(), Extent(1, count))
    labels = np.arange(images) % student.classes
    batch = ImageTensor(Pixels(images), session.engine, LabelTensor(labels, session.engine))
    arguments = BackpropArguments(False, None, None, None, {})

    def update():
        trainer.begin(batch, "a batch")
        trainer.forward_pass(student, batch)
        backprop(trainer, student, labels, arguments)

    return update


def in_turn(steps):
    """True and False as often; their order changes, so that neither profits from being second."""
    for step in range(steps):
        yield from (True, False) if step % 2 else (False, True)


def measured(session, student, checks, options):
    """For each way, the CPU seconds of each update; and what the checks took of each."""
    update = updates(session, student, options.images, 2 * options.steps + WARM)

    def timed(on):
        checks.on, checks.seconds = on, 0.0
        start = time.process_time()
        update()
        return time.process_time() - start

    for _ in range(WARM):
        timed(True)
    found = {True: [], False: [], "checks": []}
    for on in in_turn(options.steps):
        found[on].append(timed(on))
        if on:
            found["checks"].append(checks.seconds)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=at_least(1), default=40, help="updates of each way")
    parser.add_argument("--images", type=at_least(1), default=32, help="images a batch")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{options.precision}, {torch.get_num_threads()} threads, {options.steps} pairs")
    print("               with   without    cost    checks alone")
    results = {}
    with Deel(precision=options.precision) as session:
        checks = Checks(session.engine)
        for name, make in STUDENTS.items():
            found = measured(session, make(), checks, options)
            median = {way: statistics.median(seconds) for way, seconds in found.items()}
            cost = median[True] / median[False] - 1
            share = median["checks"] / median[False]
            print(
                f"{name:10} {median[True]:7.4f} s {median[False]:7.4f} s  {cost:+6.2%}"
                f"  {median['checks'] * 1e3:5.1f} ms, {share:.2%}",
                flush=True,
            )
            results[name] = {"cost": round(cost, 5), "checks": round(share, 5)}
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
