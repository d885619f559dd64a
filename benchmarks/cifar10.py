"""CIFAR-10, all labels: airbench's network teaches one of a seventh of its size, by every loss.

    python benchmarks/cifar10.py CIFAR10 [--losses kd,dist] [--held-out] [--json]

CIFAR10 is a folder with train.txt (50,000 images), test.txt (10,000) and the images;
python data/cifar10.py makes one. The teachers are trained on the labels, one for each seed; the
first teaches. The students have at most 300,000 parameters. They see the same recorded views, for
as many updates: on the labels alone, and on the labels and the teacher's logits.
Figures are those of the last epoch, in one view of each test image, and as the mean of that view
and its mirror image. The test images are seen once, after the training; choices were made with
--held-out, which keeps 5,000 of the training images and measures on them. What was measured stays
in --keep FOLDER: the same command goes on after a stop, and trains nothing again that was finished.
Training is in bfloat16 where the machine has it.
"""

import argparse
import json
import statistics
import sys
from functools import partial
from pathlib import Path

import airbench
from kept import accuracy, add_options, all_of, names_of, opened, shared
from speed.options import at_least

from deelish import *
from deelish.networks import Airbench

# By loss: what backprop is given. Temperatures are those that were published for CIFAR.
LOSSES = {
    "kd": {"loss": "kd", "temperature": 4, "alpha": 0.9},
    "kd standardised": {"loss": "kd", "temperature": 2, "standardise": True, "alpha": 0.9},
    "cross_entropy": {"loss": "cross_entropy", "temperature": 1, "alpha": 0.9},
    "mse": {"loss": "mse", "alpha": 0.9},
    # The authors' warm-up, 20 of 240 epochs.
    "dkd": {"loss": "dkd", "temperature": 4, "weight": lambda epoch: min(1, epoch / 3)},
    "dist": {"loss": "dist", "temperature": 4},
}
WIDTHS = (32, 96, 96)


def measured(network, data):
    """Accuracy on the test images in one view and in two, and the parameters."""
    return {
        "accuracy": accuracy(network, data),
        "mirrored": accuracy(TestTimeAugmentation(network), data),
        "parameters": network.parameters,
    }


def train_teacher(options, data, path, seed, run):
    """A teacher, saved, and its figures."""
    with Deel(seed=seed):
        network = airbench.teacher(data / "train.txt", options.teacher_epochs, run)
        network.save(path)
        return measured(network, data)


def train_student(options, data, teacher, seed, run, **loss):
    """The figures of a student; without a loss it learns from the labels alone."""
    with Deel(seed=seed):
        student = Airbench(labels=10, widths=WIDTHS)
        teaching = Network.load(teacher) if loss else None
        InputBatch(data / "train.txt", views=options.views, **airbench.VIEWS)
        student.whiten()

        def step(x, t):
            return student.backprop(t, distill=teaching.batch_feature(x), **loss)

        def alone(x, t):
            return student.backprop(t)

        if loss:
            airbench.fit(student, options.epochs, step, run, **airbench.taught(loss["loss"]))
        else:
            airbench.fit(student, options.epochs, alone, run)
        return measured(student, data)


def measure(options, data, folder):
    """{row: the figures of each seed}."""
    work, needs, rows = {}, {}, {"teacher": []}
    for seed in range(options.teachers):
        path = folder / f"teacher_{options.teacher_epochs}_{seed}.hdf5"
        rows["teacher"].append(path.with_suffix(".json"))
        work[rows["teacher"][-1]] = partial(train_teacher, options, data, path, seed)
    teacher = folder / f"teacher_{options.teacher_epochs}_0.hdf5"
    losses = {name: LOSSES[name] for name in names_of(options.losses, LOSSES)}
    for name, loss in {"labels alone": {}, **losses}.items():
        # The spread of one loss is that of the others: they differ in one line.
        seeds = options.seeds if name in ("labels alone", next(iter(losses))) else 1
        of = f"{name.replace(' ', '_')}_{options.views}_{options.epochs}"
        of += f"_by_{options.teacher_epochs}" if loss else ""
        rows[name] = [folder / f"{of}_{seed}.json" for seed in range(seeds)]
        for seed, path in enumerate(rows[name]):
            work[path] = partial(train_student, options, data, teacher, seed, **loss)
            if loss:
                needs[path] = teacher.with_suffix(".json")
    found = all_of(work, needs)
    return {name: [found[path] for path in paths] for name, paths in rows.items()}


def report(rows):
    """Print the table."""
    print(
        f"\n{'':<18}{'parameters':>11}{'one view':>10}{'spread':>8}{'mirrored':>10}{'seeds':>7}"
        f"{'seconds':>9}"
    )
    for name, found in rows.items():
        one = [each["accuracy"] for each in found]
        print(
            f"{name:<18}{found[0]['parameters']:>11,}{statistics.mean(one):>10.2%}"
            f"{max(one) - min(one):>8.2%}{statistics.mean(e['mirrored'] for e in found):>10.2%}"
            f"{len(found):>7}{statistics.mean(e['seconds'] for e in found):>9.0f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("--losses", default=",".join(LOSSES), help="which, with commas")
    parser.add_argument("--teachers", type=at_least(1), default=5, help="seeds of the teacher")
    parser.add_argument(
        "--seeds", type=at_least(1), default=3, help="of labels alone and the first loss"
    )
    parser.add_argument("--views", type=at_least(1), default=8, help="recorded views of an image")
    parser.add_argument("--teacher-epochs", type=at_least(1), default=8)
    parser.add_argument("--epochs", type=at_least(1), default=9, help="of the students")
    add_options(parser, "cifar10", 500)
    options = parser.parse_args()
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    with shared(options.jobs):
        rows = measure(options, data, folder)
    report(rows)
    seconds = sum(each["seconds"] for found in rows.values() for each in found)
    print(f"last epoch of {options.teacher_epochs} and {options.epochs}; {seconds} s in all")
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    sys.exit(main())
