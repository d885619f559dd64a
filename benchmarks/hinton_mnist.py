"""Hinton, Vinyals and Dean 2015, section 3: test errors on MNIST of teacher, student, distilled.

    python benchmarks/hinton_mnist.py MNIST [--seeds 3] [--epochs 120] [--json]

MNIST is a folder with train.txt (60,000 images), test.txt (10,000) and the images. The teacher is
784-1200-1200-10 with dropout and images shifted by up to two pixels, made once; the students are
784-800-800-10 on images as they are, once for each seed: from the labels alone; from the labels and
the teacher's logits at a temperature of 20; and from these logits without any image of a 3.
Figures are those of the last epoch. The settings are the paper's where it states them, but for the
students' decay, which it does without. Learning rates, decay, epochs and alphas were chosen on
10,000 training images that were held out, the bias of class 3 on all of them; the paper chose its
own on the test images (3.5). The test images are seen once, after the last epoch. Training is in
bfloat16 where the machine has it. With --keep FOLDER the teacher and each figure stay there, and a
later run goes on from them.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from deelish import *
from deelish.networks import Perceptron

TEMPERATURE = 20
# The teacher's part of the loss. Without threes it has all: the labels that are left deny them.
ALPHA = {"distilled": 0.1, "without 3": 1.0}
# By network: images in a batch, and its optimiser. AdamW holds weights small, as the paper's bound
# on the norms of its teacher's does; here the students have it too, with and without a teacher.
TEACHER = (512, {"optimizer": "adamw", "lr": 3e-3, "weight_decay": 0.2})
STUDENT = (256, {"optimizer": "adamw", "lr": 4e-3, "weight_decay": 0.2})
# Test errors of 10,000: section 3 of the paper.
PAPER = {"teacher": 67, "labels": 146, "distilled": 74, "without 3": 206, "bias raised": 109}


def padded(data, folder):
    """The lists and images with two pixels of black around each, once; windows of 28 shift them."""
    if not (folder / "test.txt").is_file():
        for name in ("train.txt", "test.txt"):
            for line in (data / name).read_text().splitlines():
                path = folder / line.split()[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                with Image.open(data / line.split()[0]) as image:
                    ImageOps.expand(image.convert("L"), 2, 0).save(path)
            shutil.copy(data / name, folder / name)
    return folder


def train_teacher(data, epochs):
    """The teacher, which saw images shifted by up to two pixels each way."""
    teacher, (batch, how) = Perceptron(labels=10, hidden=(1200, 1200), dropout=0.5), TEACHER
    InputBatch(data / "train.txt", batch_size=batch, mirror=False, keep="memory")
    return teacher, fit(teacher, None, epochs, data, how)


def train_student(data, train, epochs, teacher=None, alpha=1.0):
    """A student of images that are not shifted, from the labels or from a teacher too."""
    student, (batch, how) = Perceptron(labels=10), STUDENT
    InputBatch(train, batch_size=batch, views="centre", root=data, keep="memory")
    return student, fit(student, teacher, epochs, data, how, alpha)


def fit(network, teacher, epochs, data, how, alpha=1.0):
    """Errors on the test images after the last epoch."""

    def workout(x, t):
        network.classify(x)
        if teacher is None:
            return network.backprop(t)
        logits = teacher.batch_feature(x)
        return network.backprop(t, distill=logits, temperature=TEMPERATURE, alpha=alpha)

    BatchTrain(workout, epochs=epochs, **how)
    logits, labels = scores(network, data, "test.txt")
    return int((logits.argmax(1) != labels).sum())


def without_threes(data, folder):
    """The training list without one digit."""
    lines = (data / "train.txt").read_text().splitlines(keepends=True)
    path = folder / "train_without_3.txt"
    path.write_text("".join(line for line in lines if line.split()[1] != "3"))
    return path


def scores(network, data, name):
    """Logits (n, 10) and labels (n,) of a list, in the centre view."""
    items = [line.split() for line in (data / name).read_text().splitlines()]
    rows = []
    for start in range(0, len(items), 1000):
        paths = [data / path for path, _ in items[start : start + 1000]]
        rows.append(network.classify(paths).value)
    return np.concatenate(rows), np.array([int(label) for _, label in items])


def raise_bias(student, data):
    """Test errors, all and on threes, before and after the bias of class 3 is raised.

    The bias is the one with the fewest errors on the training images.
    """
    logits, labels = scores(student, data, "train.txt")
    threes = np.eye(10)[3]
    biases = np.arange(0, 15, 0.1)
    errors = [((logits + bias * threes).argmax(1) != labels).sum() for bias in biases]
    best = float(biases[int(np.argmin(errors))])
    logits, labels = scores(student, data, "test.txt")
    counts = []
    for bias in (0, best):
        wrong = (logits + bias * threes).argmax(1) != labels
        counts.append((int(wrong.sum()), int(wrong[labels == 3].sum())))
    return best, *counts


def once(path, train):
    """What a training gave; what the file holds of an earlier run is not repeated."""
    if not path.is_file():
        start = time.perf_counter()
        found = {"seconds": 0, **train()}
        found["seconds"] = round(time.perf_counter() - start)
        path.write_text(json.dumps(found))
        print(f"{path.stem}: {found}", flush=True)
    return json.loads(path.read_text())


def one_teacher(data, epochs, path):
    """Test errors of the teacher, which is saved."""
    with Deel(seed=0):
        teacher, errors = train_teacher(data, epochs)
        teacher.save(path)
        return {"teacher": errors}


def one_student(data, options, seed, name, path):
    """Test errors of a student: from the labels, or distilled, with or without threes."""
    train = data / "train.txt"
    with Deel(seed=seed):
        distilling = {}
        if name != "labels":
            distilling = {"teacher": Network.load(path), "alpha": ALPHA[name]}
        if name == "without 3":
            train = without_threes(data, path.parent)
        student, errors = train_student(data, train, options.epochs, **distilling)
        found = {name: errors}
        if name == "without 3":
            bias, before, after = raise_bias(student, data)
            found |= {"bias": bias, "bias raised": after[0]}
            found |= {"threes wrong": (before[1], after[1])}
        return found


def measure(options, folder):
    """{row: test errors, one for each seed}."""
    data, found = padded(options.data, folder / "padded"), {}
    path = folder / f"teacher_{options.teacher_epochs}.hdf5"
    work = [(path.with_suffix(".json"), partial(one_teacher, data, options.teacher_epochs, path))]
    for seed in range(options.seeds):
        for name in ("labels", "distilled", "without 3"):
            of = "" if name == "labels" else f"_{options.teacher_epochs}"
            file = folder / f"{name.replace(' ', '_')}{of}_{options.epochs}_{seed}.json"
            work.append((file, partial(one_student, data, options, seed, name, path)))
    for file, train in work:
        for name, value in once(file, train).items():
            found.setdefault(name, []).append(value)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="MNIST", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--teacher-epochs", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=120, help="of the students")
    parser.add_argument("--keep", type=Path, help="a folder for the teacher and what was measured")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        found = measure(options, folder)
    print(f"\n{'test errors of 10,000':<24}{'mean':>8}{'spread':>8}{'paper':>8}")
    for name, paper in PAPER.items():
        errors = found[name]
        spread = max(errors) - min(errors)
        print(f"{name:<24}{statistics.mean(errors):>8.0f}{spread:>8}{paper:>8}")
    print(
        f"threes wrong, before and after: {found['threes wrong']}; bias raised by {found['bias']}\n"
        f"last of {options.teacher_epochs} and {options.epochs} epochs, {options.seeds} seeds,"
        f" {sum(found['seconds'])} s in all"
    )
    if options.json:
        print(json.dumps({"errors": found, "paper": PAPER}))


if __name__ == "__main__":
    sys.exit(main())
