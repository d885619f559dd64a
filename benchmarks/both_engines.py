"""Images a second of both engines on the same work: GoogLeNet and NIN, forward and a training step.

    python benchmarks/both_engines.py [--rounds 5] [--batch 8] [--json]

Batches of one size, random images at 224 and 227, cross-entropy, SGD with momentum. The engines run
in turn; the first round warms up, the others give medians. Engines that are not installed are left
out.
"""

import argparse
import json
import os
import platform
import statistics
import time

import numpy as np
from speed.options import at_least

from deelish import *
from deelish.distillation.losses import cross_entropy
from deelish.networks import GoogLeNet, NetworkInNetwork

ENGINES = ("torch", "chainer")
WORK = {"GoogLeNet": (GoogLeNet, 224), "NIN": (NetworkInNetwork, 227)}


class Runner:
    """One network on one engine, and what is timed of it."""

    def __init__(self, engine, family, side, batch):
        with Deel(engine=engine, precision="float32") as deel:
            self.network, self.engine = family(), deel.engine
        rng = np.random.default_rng(0)
        self.x = {"data": rng.normal(0, 60, (batch, 3, side, side)).astype(np.float32)}
        self.labels = np.arange(batch)
        options = {"momentum": 0.9}
        self.optimizer = self.engine.optimizer(self.network.module, "sgd", 1e-3, options)

    def forward(self):
        """One batch in evaluation mode."""
        blob = self.network.plan.logits
        self.engine.run(self.network.module, self.x, [blob], training=False)

    def step(self):
        """One batch forward and backward, and one update."""
        blob = self.network.plan.logits
        logits = self.engine.run(self.network.module, self.x, [blob], training=True)[blob]
        rows = logits.reshape((len(self.labels), -1))
        loss = cross_entropy(self.engine, rows, self.labels)
        self.engine.update([self.optimizer], loss, 1e-3)


def measure(family, side, options):
    """{(engine, work): images a second} of one network."""
    runners = {}
    for engine in ENGINES:
        try:
            runners[engine] = Runner(engine, family, side, options.batch)
        except DeelishError as error:
            print(error)
    seconds = {(engine, work): [] for engine in runners for work in ("forward", "step")}
    for number in range(options.rounds + 1):
        for engine, work in seconds:
            start = time.perf_counter()
            getattr(runners[engine], work)()
            if number:
                seconds[engine, work].append(time.perf_counter() - start)
    return {key: options.batch / statistics.median(times) for key, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--batch", type=at_least(1), default=8)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    found = {name: measure(*work, options) for name, work in WORK.items()}
    print(f"{platform.machine()}, {os.cpu_count()} cores, batches of {options.batch}, images/s")
    print(f"{'':<20}" + "".join(f"{engine:>10}" for engine in ENGINES) + f"{'ratio':>8}")
    flat = {}
    for name, rates in found.items():
        for work in ("forward", "step"):
            cells = [rates.get((engine, work)) for engine in ENGINES]
            texts = [f"{'-':>10}" if cell is None else f"{cell:10.1f}" for cell in cells]
            ratio = None if None in cells else round(cells[0] / cells[1], 2)
            print(f"{name + ' ' + work:<20}" + "".join(texts) + f"{ratio or '-':>8}")
            flat[f"{name}_{work}_torch_vs_chainer"] = ratio
    if options.json:
        print(json.dumps(flat))


if __name__ == "__main__":
    main()
