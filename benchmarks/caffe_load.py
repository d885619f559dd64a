"""How fast a Caffe file opens: VGG-16 with random weights, by deelish, OpenCV and Chainer.

    python benchmarks/caffe_load.py [--rounds 5] [--json]

The file of 553 MB is in the page cache. Each reader has a process of its own; its first round
warms up, the others give medians. Memory is the growth of the process at its peak, without pages of
files. OpenCV and Chainer are measured where they are installed.
"""

import argparse
import contextlib
import gc
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from speed.options import at_least

READERS = {
    "views": "deelish, every blob a checked view",
    "network": "deelish, a network ready to run",
    "opencv": "cv2.dnn.readNetFromCaffe",
    "chainer": "chainer CaffeFunction",
}
MODULES = {"opencv": "cv2", "chainer": "chainer"}


def write_vgg16(folder):
    """vgg16.caffemodel and vgg16.prototxt with random weights; returns the former."""
    from deelish import Plan
    from deelish.formats.caffe import caffemodel_bytes, prototxt
    from deelish.networks import VGG16

    plan = Plan(VGG16.weights.rows(1000, 224), {"data": (1, 3, 224, 224)}, "VGG16")
    rng = np.random.default_rng(0)
    arrays = {
        layer: {name: rng.random(blob.shape, np.float32) - 0.5 for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    path = folder / "vgg16.caffemodel"
    path.write_bytes(caffemodel_bytes(plan, arrays))
    path.with_suffix(".prototxt").write_text(prototxt(plan))
    return path


def reader_of(name, path):
    """The function that is timed."""
    if name == "views":
        from deelish.formats.caffe import read_net, weights_of

        return lambda: weights_of(read_net(path))
    if name == "network":
        from deelish import CaffeNet, Deel

        def network():
            with Deel():
                return CaffeNet(path)

        return network
    if name == "opencv":
        import cv2

        return lambda: cv2.dnn.readNetFromCaffe(str(path.with_suffix(".prototxt")), str(path))
    from edge_sides.ways import imported_chainer

    imported_chainer(compiled=True)
    from chainer.links.caffe import CaffeFunction

    return lambda: CaffeFunction(str(path))


class Peak:
    """Megabytes that the process takes beyond its files' pages, watched while it reads."""

    def __enter__(self):
        self.grown, self._over, self._first = 0.0, threading.Event(), anonymous_mb()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._over.wait(0.001):
            self.grown = max(self.grown, anonymous_mb() - self._first)

    def __exit__(self, *_):
        self.grown = max(self.grown, anonymous_mb() - self._first)
        self._over.set()
        self._thread.join()


def anonymous_mb():
    """This process' memory without pages of files, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def measure(name, path, rounds):
    """Median seconds and the growth of memory at its peak, as JSON on standard output."""
    read = reader_of(name, path)
    seconds, grown = [], 0.0
    for number in range(2 * rounds + 1):
        gc.collect()
        # Watching costs time, so every other round is watched, and the others are timed.
        watch = Peak() if number % 2 else contextlib.nullcontext()
        start = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr), watch:
            opened = read()
        if number % 2:
            grown = max(grown, watch.grown)
        elif number:
            seconds.append(time.perf_counter() - start)
        del opened
    print(json.dumps({"seconds": statistics.median(seconds), "mb": grown}))


def measured_apart(name, path, rounds):
    """What `measure` gives in a process of its own; None where the reader is not installed."""
    if name in MODULES and importlib.util.find_spec(MODULES[name]) is None:
        return None
    command = [sys.executable, __file__, "--one", name, "--file", str(path)]
    command += ["--rounds", str(1 if name == "chainer" else rounds)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{READERS[name]}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=at_least(1), default=5)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--one", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one, options.file, options.rounds)
        return
    with tempfile.TemporaryDirectory() as name:
        path = write_vgg16(Path(name))
        size = path.stat().st_size
        path.read_bytes()
        found = {reader: measured_apart(reader, path, options.rounds) for reader in READERS}
    print(f"{platform.machine()}, {os.cpu_count()} cores, {size / 1e6:.0f} MB VGG-16")
    for reader, figures in found.items():
        line = (
            "not measured" if figures is None else "{seconds:9.4f} s {mb:7.0f} MB".format(**figures)
        )
        print(f"{READERS[reader]:36}{line}")
    if options.json:
        print(json.dumps(ratios(found)))


def ratios(found):
    """The figures and how many times faster than the others a network is ready."""
    ours = found["network"]["seconds"]
    others = {
        f"vs_{name}": None if found[name] is None else round(found[name]["seconds"] / ours, 1)
        for name in MODULES
    }
    return {
        "views_s": round(found["views"]["seconds"], 5),
        "network_s": round(ours, 4),
        "peak_mb": round(found["views"]["mb"], 1),
        "network_mb": round(found["network"]["mb"], 1),
        **others,
    }


if __name__ == "__main__":
    main()
