"""The main job on real digits: a GoogLeNet learns them, is saved, loaded, and teaches a NIN.

Run it with `make demo`. It prints a table and writes demo/digits.png.
"""

import statistics
import sys
import time
from pathlib import Path

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetwork

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "data"))
from digits import make_digits  # noqa: E402  the list maker is no part of the package

DIGITS, OUT = ROOT / "data" / "digits", ROOT / "demo"
LABELS, SIZE, SEEDS = DIGITS / "labels.txt", 32, (0, 1)


def digits():
    """Digits are shown whole, and never mirrored: a mirrored 3 is no digit."""
    return InputBatch(DIGITS / "train.txt", DIGITS / "test.txt", crop=0.9, mirror=False)


def learn(network, epochs, teacher=None):
    """Train on the labels, and from a teacher's answers where there is one."""

    def workout(x, t):
        network.classify(x)
        if teacher is None:
            return network.backprop(t)
        return network.backprop(teacher.batch_feature(x), distill=True, temperature=4)

    digits()
    return BatchTrain(workout, epochs=epochs)


def milliseconds(network):
    """Median time of one image, in test mode."""
    image, times = network.preprocessing, []
    blank = {"data": [[[[0.0] * image.size] * image.size] * image.channels]}
    for _ in range(30):
        start = time.perf_counter()
        network.run(blank)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def row(name, network, accuracies, path):
    """One line of the table."""
    mean = statistics.mean(accuracies)
    spread = max(accuracies) - min(accuracies)
    parameters = f"{network.parameters:,}"
    return (
        f"{name:<22} {mean:>8.1%} {spread:>8.1%} {parameters:>12}"
        f" {path.stat().st_size / 1e6:>8.1f} MB {milliseconds(network):>8.1f}"
    )


def main():
    start = time.perf_counter()
    make_digits(DIGITS)
    OUT.mkdir(exist_ok=True)

    print("\n1. A GoogLeNet learns the digits from their labels.")
    with Deel(seed=0):
        teacher = GoogLeNet(labels=LABELS, in_size=SIZE)
        history = {"teacher": learn(teacher, 5)}
        path = teacher.save(OUT / "teacher.caffemodel")
    table = [row("teacher", teacher, [history["teacher"][-1]["val_accuracy"]], path)]

    for kind in ("from labels alone", "distilled"):
        print(f"\n{2 if kind != 'distilled' else 3}. A NIN learns {kind}, once for each seed.")
        accuracies = []
        for seed in SEEDS:
            with Deel(seed=seed):
                student = NetworkInNetwork(labels=LABELS, in_size=SIZE)
                teacher = None
                if kind == "distilled":
                    teacher = GoogLeNet(LABELS, OUT / "teacher.caffemodel", SIZE)
                rows = learn(student, 4, teacher)
                accuracies.append(rows[-1]["val_accuracy"])
                path = student.save(OUT / f"student {kind}.hdf5")
        history[f"student {kind}"] = rows
        table.append(row(f"student {kind}", student, accuracies, path))

    print(f"\n{'':<22} accuracy   spread   parameters        file  ms/image")
    print("\n".join(table))
    print(f"Accuracy: 1,000 test digits, last epoch, mean of seeds {SEEDS}.")
    Show(history, save=OUT / "digits.png")
    print(f"{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
