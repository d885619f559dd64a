"""Urban et al. 2017: must students be deep, or convolutional? Equal parameters, CIFAR-10, logits.

    python benchmarks/urban.py CIFAR10 [--plot urban.png] [--json]

CIFAR10 is a folder as cifar10.py takes it. A teacher trained on the labels, airbench's network,
teaches students of equal parameters by its logits: one to five hidden layers without convolution,
one to four convolutional layers, each with the paper's linear bottleneck and, beside the paper,
BatchNorm. The loss is the paper's, the squared distance of logits. Each student is also trained on
the labels alone, on the same recorded views for as many updates. Figures are those of the last
epoch, in one view of each test image. The learning rate was chosen with --held-out, which keeps
5,000 of the training images and measures on them. What was measured stays in --keep FOLDER: the
same command goes on after a stop. Training is in bfloat16 where the machine has it.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import airbench
from kept import accuracy, add_options, all_of, names_of, opened, shared
from speed.options import at_least

from deelish import *
from deelish.networks import Shallow

# By name: what Shallow is given.
STUDENTS = {
    **{f"{n} hidden": {"hidden": n} for n in range(1, 6)},
    **{f"{n} conv": {"convolutions": n} for n in range(1, 5)},
}
# Those without convolution learn longer, which costs little: an epoch takes a tenth of the time.
LONGER = 3
# Of few epochs batches of 500 make too few updates.
VIEWS = {**airbench.VIEWS, "batch_size": 100}
RATE = 4e-3
SMALL, LARGE = 1_000_000, 3_160_000
# Figure 1 of the paper: the best model of a search with about as many parameters; its teacher is an
# ensemble of 16 networks with 93.8 %. Those on hard labels have 10 million.
PAPER = {
    "1 hidden": (65.8, 68.2),
    "2 hidden": (66.2, 70.9),
    "3 hidden": (66.8, 71.0),
    "4 hidden": (66.7, 69.5),
    "5 hidden": (66.4, 70.0),
    "1 conv": (84.5, 86.3),
    "2 conv": (87.9, 89.3),
    "3 conv": (90.7, 91.6),
    "4 conv": (91.3, 91.8),
}


def train_student(options, data, teacher, name, parameters, run):
    """The figures of a student, by the teacher's logits or, without a teacher, by the labels."""
    epochs = options.epochs * (LONGER if "hidden" in name else 1)
    with Deel():
        student = Shallow(labels=10, parameters=parameters, **STUDENTS[name])
        teaching = None if teacher is None else Network.load(teacher)
        InputBatch(data / "train.txt", views=options.views, **VIEWS)

        def workout(x, t):
            student.classify(x)
            if teaching is None:
                return student.backprop(t)
            return student.backprop(teaching.batch_feature(x), distill=True, loss="mse")

        run.train(workout, epochs, optimizer="adamw", lr=RATE, weight_decay=0.05)
        return {
            "accuracy": accuracy(student, data),
            "parameters": student.parameters,
        }


def measure(options, data, folder):
    """{"teacher": its figures, (name, parameters, taught): those of a student}."""
    teacher = folder / f"teacher_{options.teacher_epochs}.hdf5"
    paths = {"teacher": teacher.with_suffix(".json")}
    work = {paths["teacher"]: partial(airbench.saved_teacher, options, data, teacher)}
    names, needs = names_of(options.students, STUDENTS), {}
    sizes = [(name, SMALL) for name in names] + [(n, LARGE) for n in names if n in options.large]
    for name, parameters, taught in [(*size, taught) for size in sizes for taught in (False, True)]:
        how = f"logits_by_{options.teacher_epochs}" if taught else "labels"
        of = f"{name.replace(' ', '_')}_{parameters}_{options.views}_{options.epochs}_{how}"
        path = paths[name, parameters, taught] = folder / f"{of}.json"
        by = teacher if taught else None
        work[path] = partial(train_student, options, data, by, name, parameters)
        if taught:
            needs[path] = paths["teacher"]
    found = all_of(work, needs)
    return {key: found[path] for key, path in paths.items()}


def report(rows, names):
    """Print the table."""
    print(f"\nteacher: {rows['teacher']['accuracy']:.1%}; accuracy of the students")
    heads = "".join(f"{f'labels {m} M':>12}{f'logits {m} M':>12}{'paper':>8}" for m in (1, 3))
    print(f"{'':<12}{heads}")
    for name in names:
        cells = []
        for size, paper in zip((SMALL, LARGE), PAPER[name], strict=True):
            if (name, size, True) in rows:
                found = [rows[name, size, taught]["accuracy"] for taught in (False, True)]
                cells.append(f"{found[0]:>12.1%}{found[1]:>12.1%}{f'{paper:.1f}%':>8}")
        print(f"{name:<12}{''.join(cells)}")
    best = {
        kind: max(
            found["accuracy"]
            for key, found in rows.items()
            if key != "teacher" and key[2] and kind in key[0]
        )
        for kind in ("hidden", "conv")
        if any(kind in name for name in names)
    }
    if len(best) == 2:
        gap = best["conv"] - best["hidden"]
        print(f"best without convolution {best['hidden']:.1%}, with {best['conv']:.1%}: {gap:+.1%}")


def png_file(text):
    """The path of a plot, for argparse: the trainings before it take an hour and more."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r}: name a file that ends in .png")
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: name a file in a folder that is there")
    return path


def plot(rows, names, path):
    """The paper's figure 1: accuracy over parameters, a line for each number of layers."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    axes.axhline(100 * rows["teacher"]["accuracy"], color="black", label="teacher")
    for name in names:
        sizes = [size for size in (SMALL, LARGE) if (name, size, True) in rows]
        alone, taught = (
            [100 * rows[name, size, by_logits]["accuracy"] for size in sizes]
            for by_logits in (False, True)
        )
        millions, style = [size / 1e6 for size in sizes], "--" if "hidden" in name else "-"
        (line,) = axes.plot(millions, taught, f"o{style}", label=name)
        axes.plot(millions, alone, "x", color=line.get_color())
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks([SMALL / 1e6, LARGE / 1e6])
    axes.xaxis.set_major_formatter("{x:.1f}")
    axes.set_xlabel("million parameters (o: taught by logits, x: labels alone)")
    axes.set_ylabel("accuracy on CIFAR-10, %")
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=120)
    print(f"written: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("--students", default=",".join(STUDENTS), help="which, with commas")
    large = {"nargs": "*", "choices": STUDENTS, "default": STUDENTS, "metavar": "NAME"}
    parser.add_argument("--large", **large, help="which of them with 3 M parameters, too; all")
    parser.add_argument("--views", type=at_least(1), default=4, help="recorded views of an image")
    parser.add_argument("--teacher-epochs", type=at_least(1), default=5)
    parser.add_argument(
        "--epochs", type=at_least(1), default=4, help="of students with convolutions"
    )
    parser.add_argument("--plot", metavar="FILE", type=png_file, help="write the plot there")
    add_options(parser, "urban", 500)
    options = parser.parse_args()
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    names = names_of(options.students, STUDENTS)
    with shared(options.jobs):
        rows = measure(options, data, folder)
    report(rows, names)
    if options.plot:
        plot(rows, names, options.plot)
    if options.json:
        students = {" ".join(map(str, key)): rows[key] for key in rows if key != "teacher"}
        print(json.dumps({"teacher": rows["teacher"], **students}))


if __name__ == "__main__":
    sys.exit(main())
