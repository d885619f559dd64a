"""An update in float32 with our gradients of weights and with the library's, in turns.

    python benchmarks/weight_gradients.py [--steps 12] [--images 32] [--json]

Students learn from labels, in batches of noise of their own size. With AVX-512 the two are the
same: deelish leaves these gradients to the library there. Medians of the seconds of an update.
"""

import argparse
import json
import os
import platform
import statistics
import time

import torch
from guards import WARM, in_turn, updates
from speed.options import at_least

from deelish import *
from deelish.engines.torch.layers import convolution_gradients
from deelish.networks import Airbench, GoogLeNet, NetworkInNetwork, ResNet50

STUDENTS = {
    "NetworkInNetwork": NetworkInNetwork,
    "GoogLeNet": GoogLeNet,
    "ResNet50": ResNet50,
    "Airbench": Airbench,
}
OURS = convolution_gradients.is_without_avx512


def measured(session, student, options):
    """The median seconds of an update with our gradients, and with the library's."""
    update = updates(session, student, options.images, 2 * options.steps + WARM)
    for _ in range(WARM):
        update()
    found = {True: [], False: []}
    for ours in in_turn(options.steps):
        convolution_gradients.is_without_avx512 = OURS if ours else lambda: False
        start = time.perf_counter()
        update()
        found[ours].append(time.perf_counter() - start)
    return [statistics.median(found[ours]) for ours in (True, False)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=at_least(1), default=12, help="updates of each way")
    parser.add_argument("--images", type=at_least(1), default=32, help="images a batch")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads")
    print(f"{'':18}{'ours':>9}{'library':>10}{'ratio':>8}")
    results = {}
    with Deel(precision="float32") as session:
        for name, make in STUDENTS.items():
            ours, library = measured(session, make(), options)
            print(f"{name:18}{ours:7.3f} s{library:8.3f} s{library / ours:8.2f}", flush=True)
            results[name] = {"ours": round(ours, 4), "library": round(library, 4)}
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
