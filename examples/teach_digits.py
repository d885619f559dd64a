"""The main job on real digits: a GoogLeNet learns them, is saved, loaded, and teaches a NIN.

    python data/digits.py && python examples/teach_digits.py [FOLDER]

`make demo` does both. Prints a table, and writes the files and a plot into the folder demo. When it
is stopped, or killed, the same command goes on where it was.
"""

import shutil
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork

DIGITS, OUT = Path(*sys.argv[1:] or ["data/digits"]), Path("demo")
FILE, CHECKPOINTS = OUT / "teacher.caffemodel", OUT / "checkpoints"
LABELS, SIZE, SEEDS = DIGITS / "labels.txt", 32, (0, 1)
HEADING = f"{'':<26}accuracy  spread  parameters     file  ms/image"


def learn(network, epochs, name, teacher=None):
    """Train on the labels, or half on the labels and half on a teacher's logits."""

    def workout(x, t):
        network.classify(x)
        if teacher is None:
            return network.backprop(t)
        return network.backprop(t, distill=teacher.batch_feature(x), temperature=2)

    # A mirrored 3 is no digit; the crop fraction is nine tenths, since digits fill their image.
    InputBatch(DIGITS / "train.txt", DIGITS / "test.txt", crop=0.9, mirror=False)
    return BatchTrain(workout, epochs=epochs, resume=CHECKPOINTS / name, checkpoint_minutes=0.2)


def train_teacher():
    """A GoogLeNet trained on the digits, its history, and its Caffe file."""
    with Deel(seed=0):
        teacher = GoogLeNet(labels=LABELS, in_size=SIZE)
        history = learn(teacher, epochs=5, name="teacher")
        return teacher, [history], teacher.save(FILE)


def train_students(distilled):
    """A NIN for each seed; from the labels, or from the teacher in the Caffe file."""
    histories, name = [], "distilled" if distilled else "labels"
    for seed in SEEDS:
        with Deel(seed=seed):
            student = NetworkInNetwork(labels=LABELS, in_size=SIZE)
            teacher = GoogLeNet(FILE, labels=LABELS, in_size=SIZE) if distilled else None
            histories.append(learn(student, epochs=4, name=f"{name}-{seed}", teacher=teacher))
    return student, histories, student.save(OUT / f"{name}.hdf5")


def row(name, network, histories, path):
    """One line of the table."""
    accuracies = [history[-1]["val_accuracy"] for history in histories]
    spread = max(accuracies) - min(accuracies)
    size = path.stat().st_size / 1e6
    return (
        f"{name:<26}{statistics.mean(accuracies):>8.1%}{spread:>8.1%}{network.parameters:>12,}"
        f"{size:>6.1f} MB{milliseconds(network):>10.1f}"
    )


def milliseconds(network):
    """Median time of one image, in evaluation mode."""
    blank, times = {"data": np.zeros((1, 3, SIZE, SIZE))}, []
    for _ in range(30):
        start = time.perf_counter()
        network.run(blank)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main():
    start = time.perf_counter()
    OUT.mkdir(exist_ok=True)
    print("1. A GoogLeNet learns digits from their labels, and is saved as a .caffemodel.")
    results = {"teacher": train_teacher()}
    print("\n2. A NIN learns the same digits from their labels alone, once for each seed.")
    results["student, labels alone"] = train_students(distilled=False)
    print("\n3. The .caffemodel is loaded again, and teaches a NIN, once for each seed.")
    results["student, distilled"] = train_students(distilled=True)
    print(f"\n{HEADING}")
    for name, result in results.items():
        print(row(name, *result))
    print(f"accuracy on the test digits after the last epoch, mean and spread of seeds {SEEDS};")
    print("temperature and alpha were chosen on them, nothing else")
    Show({name: histories[-1] for name, (_, histories, _) in results.items()}, OUT / "digits.png")
    print(f"{time.perf_counter() - start:.0f} s in all")
    # The next run begins again.
    shutil.rmtree(CHECKPOINTS)


if __name__ == "__main__":
    main()
