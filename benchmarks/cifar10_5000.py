"""CIFAR-10 with 5,000 labels: a fine-tuned GoogLeNet teaches the CIFAR-10 NIN on all 50,000 images.

    python benchmarks/cifar10_5000.py CIFAR10 bvlc_googlenet.caffemodel [--losses kd,dist] [--json]

CIFAR10 is a folder with train.txt (50,000 images), test.txt (10,000), labels.txt and the images.
The first 500 images of each class keep their labels; the other 45,000 have none, and the students
that are distilled never see a label. The share of the gap is (distilled - student alone) / (teacher
- student alone). Figures are those of the last epoch on the test images, which chose nothing.
With --keep FOLDER the networks stay there, and the teacher is not trained again.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

# By loss: what backprop is given. Temperatures are those that were published for CIFAR.
LOSSES = {
    "kd": {"loss": "kd", "temperature": 4},
    "kd standardised": {"loss": "kd", "temperature": 2, "standardise": True},
    "mse": {"loss": "mse"},
    "dist": {"loss": "dist", "temperature": 4},
    "cross_entropy": {"loss": "cross_entropy", "temperature": 4},
    "dkd": {"loss": "dkd", "temperature": 4, "weight": lambda epoch: min(1, epoch / 5)},
}
CROP, BATCH = 28 / 32, 64


def labelled(data, folder, count=500):
    """A list of the first images of each class."""
    seen, lines = Counter(), []
    for line in (data / "train.txt").read_text().splitlines(keepends=True):
        label = line.split()[1]
        seen[label] += 1
        if seen[label] <= count:
            lines.append(line)
    path = folder / "labelled.txt"
    path.write_text("".join(lines))
    return path


def train_teacher(options, train, folder):
    """GoogLeNet with the published weights, fine-tuned; its file."""
    path = folder / f"teacher_{options.size}_{options.teacher_epochs}.hdf5"
    if path.is_file():
        return path
    with Deel(seed=0):
        labels = options.data / "labels.txt"
        teacher = GoogLeNet(labels, options.weights, in_size=options.size)
        sets(options, train)
        learn(teacher, lambda network, x, t: network.backprop(t), options.teacher_epochs, 1e-4)
        return teacher.save(path)


def sets(options, train, views=None):
    """The images; a view shows 28 of 32 pixels, mirrored or not."""
    test = options.data / "test.txt"
    InputBatch(train, test, batch_size=BATCH, crop=CROP, views=views, root=options.data)


def learn(network, step, epochs, rate):
    """Accuracy on the test images after the last epoch."""

    def workout(x, t):
        network.classify(x)
        return step(network, x, t)

    return BatchTrain(workout, epochs=epochs, rate=rate)[-1]["val_accuracy"]


def train_student(options, seed, train, epochs, teacher=None, **loss):
    """Accuracy of a NIN from its labels, or from a teacher's answers alone."""
    with Deel(seed=seed):
        student = NetworkInNetworkCIFAR10()
        if teacher is None:
            sets(options, train)
            return learn(student, lambda net, x, t: net.backprop(t), epochs, 1e-3)
        taught_by = Network.load(teacher)
        sets(options, train, options.views)

        def step(net, x, t):
            return net.backprop(taught_by.batch_feature(x), distill=True, **loss)

        return learn(student, step, epochs, 1e-3)


def accuracy(options, path):
    """Accuracy of a network's file on the test images."""
    with Deel():
        network = Network.load(path)
        items = [line.split() for line in (options.data / "test.txt").read_text().splitlines()]
        right = 0
        for start in range(0, len(items), 100):
            part = items[start : start + 100]
            best = network.classify([options.data / path for path, _ in part]).value.argmax(1)
            right += sum(best == [int(label) for _, label in part])
        return right / len(items)


def report(rows, teacher, alone):
    """Print the table; returns {loss: share of the gap}."""
    gaps = {}
    print(f"\n{'':<28}{'accuracy':>9}{'spread':>8}{'of the gap':>12}{'seconds':>9}")
    for name, (accuracies, seconds) in rows.items():
        mean, spread = statistics.mean(accuracies), max(accuracies) - min(accuracies)
        gap = (mean - alone) / (teacher - alone)
        shown = "" if name in ("teacher", "student, labels alone") else f"{gap:.0%}"
        gaps[name] = gap
        print(f"{name:<28}{mean:>9.1%}{spread:>8.1%}{shown:>12}{seconds:>9.0f}")
    return gaps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("weights", metavar="MODEL", help="the published GoogLeNet")
    parser.add_argument("--losses", default=",".join(LOSSES), help="which, with commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--size", type=int, default=96, help="the teacher's side in pixels")
    parser.add_argument("--views", type=int, default=4, help="recorded views of an image")
    parser.add_argument("--teacher-epochs", type=int, default=10)
    parser.add_argument("--alone-epochs", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=30, help="of the distilled students")
    parser.add_argument("--keep", type=Path, help="a folder for the networks")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        rows = measure(options, folder)
    teacher, alone = (rows[name][0] for name in ("teacher", "student, labels alone"))
    gaps = report(rows, teacher[0], statistics.mean(alone))
    print(f"last of {options.epochs} epochs, {options.views} views, seeds: {options.seeds}")
    if options.json:
        print(json.dumps({"rows": rows, "gap": gaps}))


def measure(options, folder):
    """{row: (accuracies, seconds of one seed)}."""
    rows, few = {}, labelled(options.data, folder)
    start = time.perf_counter()
    teacher = train_teacher(options, few, folder)
    seconds = time.perf_counter() - start
    rows["teacher"] = ([accuracy(options, teacher)], seconds)
    work = {"student, labels alone": (few, options.alone_epochs, None, {})}
    for name in options.losses.split(","):
        everything = options.data / "train.txt"
        work[f"distilled, {name}"] = (everything, options.epochs, teacher, LOSSES[name])
    for name, (train, epochs, taught_by, loss) in work.items():
        print(f"\n{name}")
        start = time.perf_counter()
        found = [
            train_student(options, seed, train, epochs, taught_by, **loss)
            for seed in range(options.seeds)
        ]
        rows[name] = (found, (time.perf_counter() - start) / options.seeds)
    return rows


if __name__ == "__main__":
    sys.exit(main())
