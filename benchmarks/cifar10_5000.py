"""CIFAR-10 with 5,000 labels: a fine-tuned GoogLeNet teaches the CIFAR-10 NIN on all 50,000 images.

    python benchmarks/cifar10_5000.py CIFAR10 bvlc_googlenet.caffemodel [--losses kd,dist] [--json]

CIFAR10 is a folder with train.txt (50,000 images), test.txt (10,000), labels.txt and the images.
The first 500 images of each class keep their labels; the other 45,000 have none. The student alone
is trained on the 5,000. The distilled ones go on from it without dropout, so that few epochs do:
they learn from the teacher's logits alone and see no further label. The fraction of the gap is
(distilled - student alone) / (teacher - student alone). The test images are seen once, after the
last epoch, and chose nothing. Training is in bfloat16 where the machine has it.
With --keep FOLDER the networks and each figure stay there, and a later run goes on from them.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

from cifar10 import accuracy

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

# By loss: what backprop is given. Temperatures are those that were published for CIFAR; at the same
# one, cross-entropy would train just as kd does: the two differ by what no student can change.
LOSSES = {
    "kd": {"loss": "kd", "temperature": 4},
    "kd standardised": {"loss": "kd", "temperature": 2, "standardise": True},
    "mse": {"loss": "mse"},
    "dist": {"loss": "dist", "temperature": 4},
    "cross_entropy": {"loss": "cross_entropy", "temperature": 1},
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


def train_teacher(options, train, path):
    """GoogLeNet with the published weights, fine-tuned and saved; its accuracy."""
    with Deel(seed=0):
        labels = options.data / "labels.txt"
        teacher = GoogLeNet(options.weights, labels=labels, in_size=options.size)
        dataset(options, train)
        fit(teacher, lambda network, x, t: network.backprop(t), options.teacher_epochs)
        teacher.save(path)
        return accuracy(options.data, teacher)


def dataset(options, train, views=None):
    """The images; a view shows 28 of 32 pixels, as GoogLeNet's own views do, mirrored or not."""
    InputBatch(train, batch_size=BATCH, crop=CROP, views=views, root=options.data)


def fit(network, step, epochs, lr=None):
    """Train on the current dataset."""

    def workout(x, t):
        network.classify(x)
        return step(network, x, t)

    BatchTrain(workout, epochs=epochs, lr=lr)


def train_alone(options, seed, train, path):
    """A NIN from 5,000 labels, saved; its accuracy."""
    with Deel(seed=seed):
        student = NetworkInNetworkCIFAR10()
        dataset(options, train)
        fit(student, lambda network, x, t: network.backprop(t), options.alone_epochs, 1e-3)
        student.save(path)
        return accuracy(options.data, student)


def distil(options, seed, alone, teacher, **loss):
    """The NIN in the file `alone`, from the teacher's logits on all images; its accuracy."""
    with Deel(seed=seed):
        student = NetworkInNetworkCIFAR10(modelpath=alone, dropout=0)
        teaching = Network.load(teacher)
        dataset(options, options.data / "train.txt", options.views)

        def step(net, x, t):
            return net.backprop(teaching.batch_feature(x), distill=True, **loss)

        fit(student, step, options.epochs, 1e-3)
        return accuracy(options.data, student)


def once(network, train):
    """[accuracy, seconds] of a training; what an earlier run left beside the network is final."""
    path = network.with_suffix(".json")
    if not path.is_file():
        start = time.perf_counter()
        found = [train(), round(time.perf_counter() - start)]
        path.write_text(json.dumps(found))
        print(f"{path.stem}: {found[0]:.2%} in {found[1]} s", flush=True)
    return json.loads(path.read_text())


def measure(options, folder):
    """{row: [(accuracy, seconds), one for each seed]}."""
    few = labelled(options.data, folder)
    of = f"{options.size}_{options.teacher_epochs}"
    path = folder / f"teacher_{of}.hdf5"
    rows = {"teacher": [once(path, partial(train_teacher, options, few, path))]}
    alone = [folder / f"alone_{options.alone_epochs}_{seed}.hdf5" for seed in range(options.seeds)]
    rows["student, labels alone"] = [
        once(file, partial(train_alone, options, seed, few, file))
        for seed, file in enumerate(alone)
    ]
    for name in filter(None, options.losses.split(",")):
        how = f"{name.replace(' ', '_')}_{options.views}_{options.epochs}_by_{of}_from"
        rows[f"distilled, {name}"] = [
            once(
                folder / f"{how}_{file.name}",
                partial(distil, options, seed, file, path, **LOSSES[name]),
            )
            for seed, file in enumerate(alone)
        ]
    return rows


def report(rows):
    """Print the table; returns {row: fraction of the gap}, empty where there is no gap."""
    means = {
        name: statistics.mean(accuracy for accuracy, _ in found) for name, found in rows.items()
    }
    alone = means["student, labels alone"]
    gap, gaps = means["teacher"] - alone, {}
    print(f"\n{'':<28}{'accuracy':>9}{'spread':>8}{'of the gap':>12}{'seconds':>9}")
    for name, found in rows.items():
        accuracies, seconds = zip(*found, strict=True)
        shown = ""
        if gap and name.startswith("distilled"):
            gaps[name] = (means[name] - alone) / gap
            shown = f"{gaps[name]:.0%}"
        print(
            f"{name:<28}{means[name]:>9.1%}{max(accuracies) - min(accuracies):>8.1%}{shown:>12}"
            f"{statistics.mean(seconds):>9.0f}"
        )
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
    parser.add_argument("--epochs", type=int, default=5, help="of the distilled students")
    parser.add_argument("--keep", type=Path, help="a folder for the teacher and what was measured")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        rows = measure(options, folder)
    gaps = report(rows)
    print(f"last of {options.epochs} epochs, {options.views} views, seeds: {options.seeds}")
    if options.json:
        print(json.dumps({"rows": rows, "gap": gaps}))


if __name__ == "__main__":
    sys.exit(main())
