"""CIFAR-10 with 5,000 labels: a fine-tuned GoogLeNet teaches a small network on all 50,000 images.

    python benchmarks/cifar10_5000.py CIFAR10 bvlc_googlenet.caffemodel [--losses dist] [--json]

CIFAR10 is a folder as cifar10.py takes it. The first 500 images of each class keep their labels;
the students get all 50,000 without any. GoogLeNet starts from the published weights and learns from
the 5,000. The student is that of cifar10.py, and always starts from its initial weights: from the
5,000 labels alone, or from the teacher's logits alone, for as many updates. (dkd is not among the
losses, since it needs the true class of every image.) The fraction of the gap is
(distilled - labels alone) / (teacher - labels alone). The test images are seen once, after the last
epoch; choices were made with --held-out, which keeps 5,000 of the training images and measures on
them. What was measured stays in --keep FOLDER: the same command goes on after a stop. Training is
in bfloat16 where the machine has it.
"""

import argparse
import json
import statistics
import sys
from functools import partial
from pathlib import Path

import airbench
from kept import (
    accuracy,
    add_options,
    all_of,
    first_of_each,
    lines,
    names_of,
    opened,
    shared,
    write_list,
)
from speed.options import at_least

from deelish import *
from deelish.networks import Airbench, GoogLeNet

# By loss: what backprop is given. Temperatures are those that were published for CIFAR; at the same
# one, cross-entropy would train just as kd does: the two differ by what no student can change.
LOSSES = {
    "kd": {"loss": "kd", "temperature": 4},
    "kd standardised": {"loss": "kd", "temperature": 2, "standardise": True},
    "mse": {"loss": "mse"},
    "dist": {"loss": "dist", "temperature": 4},
    "cross_entropy": {"loss": "cross_entropy", "temperature": 1},
}
# The two that a practitioner would choose from; the table of cifar10.py has all beside each other.
SHOWN = "kd,kd standardised"
WIDTHS = (32, 96, 96)
TEACHING = {"batch_size": 50, "mirror": "alternate", "padding": 2 / 32, "crop": 1, "keep": "memory"}


def lists(data, folder, count=500):
    """A list of the first images of each class, and one of all images without their labels."""
    every = "".join(f"{(data / image).resolve()}\n" for image, _ in lines(data / "train.txt"))
    lists = {"labelled.txt": first_of_each(data, "train.txt", count), "unlabelled.txt": every}
    return [write_list(folder / name, text) for name, text in lists.items()]


def train_teacher(options, data, train, path, run):
    """GoogLeNet with the published weights, fine-tuned and saved; its accuracy."""
    with Deel():
        labels = options.data / "labels.txt"
        teacher = GoogLeNet(options.weights, labels=labels, in_size=options.size)
        InputBatch(train, **TEACHING)

        def workout(x, t):
            teacher.classify(x)
            return teacher.backprop(t, label_smoothing=0.1)

        run.train(workout, options.teacher_epochs)
        teacher.save(path)
        return {"accuracy": accuracy(teacher, data)}


def train_student(options, data, seen, run, seed, teacher=None, **loss):
    """The accuracy of a student, from the labels of a list or from the teacher's logits alone.

    seen: the list, and how often its images are seen.
    """
    train, epochs = seen
    with Deel(seed=seed):
        student = Airbench(labels=10, widths=WIDTHS)
        teaching = None if teacher is None else Network.load(teacher)
        views = None if teacher is None else options.views
        InputBatch(train, views=views, crop=1, **airbench.VIEWS)
        student.whiten()

        def step(x, t):
            if teaching is None:
                return student.backprop(t)
            return student.backprop(teaching.batch_feature(x), distill=True, **loss)

        rates = {} if teaching is None else airbench.taught(loss["loss"])
        airbench.fit(student, epochs, step, run, **rates)
        return {"accuracy": accuracy(student, data)}


def measure(options, data, folder):
    """{row: the figures of each seed}."""
    few, all_of_them = lists(data, folder)
    of = f"{options.size}_{options.teacher_epochs}"
    teacher = folder / f"teacher_{of}.hdf5"
    first = teacher.with_suffix(".json")
    rows, needs = {"teacher": [first]}, {}
    work = {first: partial(train_teacher, options, data, few, teacher)}
    # As many updates: the labelled images are fewer.
    longer = round(options.epochs * len(lines(all_of_them)) / len(lines(few)))
    alone = partial(train_student, options, data, (few, longer))
    taught = partial(train_student, options, data, (all_of_them, options.epochs), teacher=teacher)
    for name in ("labels alone", *names_of(options.losses, LOSSES)):
        how = f"_{options.views}_by_{of}" if name in LOSSES else ""
        path = f"{name.replace(' ', '_')}_{options.epochs}{how}"
        rows[name] = [folder / f"{path}_{seed}.json" for seed in range(options.seeds)]
        for seed, each in enumerate(rows[name]):
            if name in LOSSES:
                work[each] = partial(taught, seed=seed, **LOSSES[name])
                needs[each] = first
            else:
                work[each] = partial(alone, seed=seed)
    found = all_of(work, needs)
    return {name: [found[path] for path in paths] for name, paths in rows.items()}


def report(rows):
    """Print the table; returns {row: fraction of the gap}, empty where there is no gap."""
    means = {name: statistics.mean(e["accuracy"] for e in found) for name, found in rows.items()}
    alone = means["labels alone"]
    gap, gaps = means["teacher"] - alone, {}
    print(f"\n{'':<18}{'accuracy':>9}{'spread':>8}{'of the gap':>12}{'seconds':>9}")
    for name, found in rows.items():
        each = [one["accuracy"] for one in found]
        shown = ""
        if gap and name in LOSSES:
            gaps[name] = (means[name] - alone) / gap
            shown = f"{gaps[name]:.0%}"
        print(
            f"{name:<18}{means[name]:>9.1%}{max(each) - min(each):>8.1%}{shown:>12}"
            f"{statistics.mean(one['seconds'] for one in found):>9.0f}"
        )
    return gaps


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("weights", metavar="MODEL", help="the published GoogLeNet")
    parser.add_argument("--losses", default=SHOWN, help=f"with commas, of {', '.join(LOSSES)}")
    parser.add_argument("--seeds", type=at_least(1), default=3)
    parser.add_argument(
        "--size", type=at_least(1), default=128, help="the teacher's side in pixels"
    )
    parser.add_argument("--views", type=at_least(1), default=8, help="recorded views of an image")
    parser.add_argument("--teacher-epochs", type=at_least(1), default=20)
    parser.add_argument("--epochs", type=at_least(1), default=16, help="of the distilled students")
    add_options(parser, "cifar10_5000", 500)
    options = parser.parse_args()
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    with shared(options.jobs):
        rows = measure(options, data, folder)
    gaps = report(rows)
    print(f"last of {options.epochs} epochs, {options.views} views, seeds: {options.seeds}")
    if options.json:
        print(json.dumps({"rows": rows, "gap": gaps}))


if __name__ == "__main__":
    sys.exit(main())
