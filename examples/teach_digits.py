"""The main job on real digits: a teacher labels many images, from which a small student learns.

    python data/digits.py && python examples/teach_digits.py [FOLDER [SEED]]

`make demo` does both. The teacher learns 4,000 digits from their labels. A student with 1/150 of
its parameters learns from 20 labels of each digit alone; then it learns the teacher's logits on all
4,000 images, and sees none of their labels. Prints a table, and writes the networks, the lines of
each epoch and a picture into the folder demo. When it is stopped, or killed, the same command goes
on where it was.
"""

import contextlib
import shutil
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from deelish import *

DIGITS, OUT = Path(*sys.argv[1:2] or ["data/digits"]), Path("demo")
CHECKPOINTS, EPOCHS = OUT / "checkpoints", OUT / "epochs.txt"
FEW, UNLABELLED = OUT / "few.txt", OUT / "unlabelled.txt"
LABELS, SIDE, SEEDS, PER_CLASS = 10, 28, 3, 20
PIXELS = {"in_size": SIDE, "order": "L", "mean": 33, "scale": 1 / 79}


def new_teacher():
    rows = [
        *convolution("conv1", 64, 3, pad=1),
        Layer("pool1", "Pooling", kernel_size=2, stride=2),
        *convolution("conv2", 128, 3, pad=1),
        Layer("pool2", "Pooling", kernel_size=2, stride=2),
        linear("hidden", 256),
        Layer("relu3", "ReLU"),
        Layer("drop3", "Dropout"),
        linear("score", LABELS),
    ]
    return Network(rows, name="Teacher", labels=LABELS, **PIXELS)


def new_student():
    rows = [
        *convolution("conv1", 8, 5, pad=2, stride=2),
        *convolution("conv2", 16, 3, pad=1, stride=2),
        *convolution("conv3", 32, 3, pad=1),
        Layer("pool3", "Pooling", kernel_size=2, stride=2),
        linear("score", LABELS),
    ]
    return Network(rows, name="Student", labels=LABELS, **PIXELS)


def convolution(name, width, side, **how):
    """A convolution and its ReLU."""
    how |= {"num_output": width, "kernel_size": side, "weight_filler": "msra"}
    return [Layer(name, "Convolution", **how), Layer(f"{name}_relu", "ReLU")]


def linear(name, width):
    return Layer(name, "InnerProduct", num_output=width, weight_filler="msra")


def learn(network, images, name, teacher=None, epochs=20, views=10):
    """Train on labels, or on a teacher's logits alone; returns the accuracy on the test digits."""

    def workout(x, t):
        network.classify(x)
        if teacher is None:
            return network.backprop(t)
        return network.backprop(teacher.batch_feature(x), distill=True, temperature=4)

    # Windows of 28 of 32 pixels shift the digits by up to two; a mirrored 3 is no digit.
    shifts = {"crop": SIDE / 32, "mirror": False, "views": views}
    InputBatch(images, batch_size=100, root=DIGITS, keep="memory", **shifts)
    how = {"optimizer": "adamw", "lr": 4e-3, "schedule": "linear"}
    with EPOCHS.open("a") as lines, contextlib.redirect_stdout(lines):
        BatchTrain(workout, epochs=epochs, resume=CHECKPOINTS / name, checkpoint_minutes=0.2, **how)
    found = np.mean(predictions(network) == np.array([label for _, label in tests()]))
    print(f"   {name}: {found:.1%}", flush=True)
    return float(found)


def tests():
    """Paths and labels of the test digits."""
    lines = (DIGITS / "test.txt").read_text().splitlines()
    return [(DIGITS / path, int(label)) for path, label in map(str.split, lines)]


def predictions(network):
    """The digits that a network sees in the test images."""
    return network.batch_feature([path for path, _ in tests()]).value.argmax(1)


def write_lists():
    """20 labels of each digit, repeated until an epoch is as long as with all; and no labels."""
    lines = (DIGITS / "train.txt").read_text().splitlines()
    few = []
    for label in map(str, range(LABELS)):
        few += [line for line in lines if line.split()[1] == label][:PER_CLASS]
    FEW.write_text("\n".join(few * (len(lines) // len(few))) + "\n")
    UNLABELLED.write_text("\n".join(line.split()[0] for line in lines) + "\n")


def train_teacher(seed):
    """The teacher's accuracies; its file is what teaches."""
    with Deel(seed=seed):
        teacher = new_teacher()
        found = learn(teacher, DIGITS / "train.txt", "teacher", epochs=15, views=None)
        teacher.save(OUT / "teacher.safetensors")
    return [found]


def train_students(seeds, name, images, is_taught):
    """The accuracies of a student for each seed; the last one is saved."""
    found = []
    for seed in seeds:
        with Deel(seed=seed):
            student = new_student()
            teacher = Network.load(OUT / "teacher.safetensors") if is_taught else None
            found.append(learn(student, images, f"{name}, seed {seed}", teacher))
            student.save(OUT / f"{name}.safetensors")
    return found


def show_differences(networks):
    """A picture of test digits which student and teacher read differently, with what each reads."""
    teacher, alone, taught = (predictions(network) for network in networks.values())
    # What the teacher's knowledge changed, and what it did not.
    chosen = [*np.flatnonzero((alone != teacher) & (taught == teacher))[:5]]
    chosen += [*np.flatnonzero(taught != teacher)[:3]]
    shown = [tests()[number] for number in chosen]
    captions = [
        f"label {label}\nteacher {teacher[n]}\nalone {alone[n]}\ndistilled {taught[n]}"
        for n, (_, label) in zip(chosen, shown, strict=True)
    ]
    Show(Input([path for path, _ in shown]), save=OUT / "differences.png", captions=captions)


def check_digits():
    """Stop where a list is missing, or a line of it has no label."""
    for path in (DIGITS / "train.txt", DIGITS / "test.txt"):
        if not path.is_file():
            sys.exit(f"{path}: no such file; `python data/digits.py` writes the digits")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.split()[1:] not in ([str(label)] for label in range(LABELS)):
                sys.exit(
                    f"{path}, line {number}: {line!r} is not a path and a label from 0 to 9;"
                    " `python data/digits.py` writes the digits"
                )


def first_seed():
    """The first of the seeds, from the command line."""
    text = sys.argv[2] if len(sys.argv) > 2 else "0"
    if not text.isdecimal():
        sys.exit(f"{text!r}: give the first seed as a whole number, 0 or more")
    return int(text)


def main():
    check_digits()
    start, first = time.perf_counter(), first_seed()
    OUT.mkdir(exist_ok=True)
    if not CHECKPOINTS.exists():
        EPOCHS.unlink(missing_ok=True)
    write_lists()
    seeds, accuracies = range(first, first + SEEDS), {}
    print("1. A teacher learns 4,000 digits from their labels; accuracy on 1,000 others:")
    accuracies["teacher"] = train_teacher(first)
    print(f"2. A small student learns from {PER_CLASS} labels of each digit:")
    accuracies["alone"] = train_students(seeds, "alone", FEW, is_taught=False)
    print("3. It learns the teacher's logits on all 4,000 images, without any label:")
    accuracies["distilled"] = train_students(seeds, "distilled", UNLABELLED, is_taught=True)

    networks = {name: Network.load(OUT / f"{name}.safetensors") for name in accuracies}
    students = [networks["alone"], networks["distilled"]]
    report = Compare(networks["teacher"], students, DIGITS / "test.txt", save=OUT / "report.html")
    show_differences(networks)
    print(f"\n{'':<10}{'accuracy':>9}{'spread':>8}{'parameters':>12}{'file':>9}{'ms/image':>10}")
    for name, row in (("teacher", "teacher"), ("alone", "student 1"), ("distilled", "student 2")):
        found, numbers = accuracies[name], report[row]
        print(
            f"{name:<10}{statistics.mean(found):>9.1%}{max(found) - min(found):>8.1%}"
            f"{numbers['parameters']:>12,}{numbers['file_bytes'] / 1e6:>6.2f} MB"
            f"{numbers['ms_32']:>10.3f}"
        )
    print(
        f"accuracy on {len(tests()):,} test digits after the last epoch, mean and spread of seeds"
        f" {[*seeds]}\nwhat the teacher adds is what it knows of the images without labels\n"
        f"{time.perf_counter() - start:.0f} s in all"
    )
    # The next run begins again.
    shutil.rmtree(CHECKPOINTS)


if __name__ == "__main__":
    main()
