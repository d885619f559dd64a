"""An LSTM reads the digits of MNIST row by row, and teaches a smaller one; so does a convolution.

    python examples/lstm_digits.py MNIST [--epochs 10] [--seeds 3]

MNIST is a folder with train.txt, test.txt and the images. The teachers are an LSTM of 256 units and
a small convolutional network. The student, an LSTM with a tenth of the first one's parameters,
learns from the labels alone, and from the labels and the logits of each teacher, all with as many
updates. Accuracies are those on the test images after the last epoch. The networks are written into
the folder lstm_digits.
"""

import argparse
import statistics
from pathlib import Path

from deelish import *

OUT = Path("lstm_digits")


def recurrent(name, units):
    rows = [
        # 28 steps of 28 pixels; cont says where a sequence begins.
        Layer("rows", "ImageToSequence", top=("rows", "cont")),
        Layer("lstm", "LSTM", ("rows", "cont"), num_output=units),
        Layer("last", "LastStep"),
        Layer("score", "InnerProduct", num_output=10),
    ]
    return network(rows, name)


def convolutional(name):
    rows = [
        *convolution("conv1", 32),
        Layer("pool1", "Pooling", kernel_size=2, stride=2),
        *convolution("conv2", 64),
        Layer("pool2", "Pooling", kernel_size=2, stride=2),
        Layer("hidden", "InnerProduct", num_output=128),
        Layer("hidden_relu", "ReLU"),
        Layer("drop", "Dropout"),
        Layer("score", "InnerProduct", num_output=10),
    ]
    return network(rows, name)


def convolution(name, width):
    how = {"num_output": width, "kernel_size": 3, "pad": 1}
    return [Layer(name, "Convolution", **how), Layer(f"{name}_relu", "ReLU")]


def network(rows, name):
    pixels = {"order": "L", "mean": 33, "scale": 1 / 79, "crop": 1}
    return Network(rows, name=name, in_size=28, labels=10, **pixels)


def learn(student, options, teacher=None):
    """Train on the labels, and on a teacher's logits; the accuracy on the test images."""

    def workout(x, t):
        student.classify(x)
        if teacher is None:
            return student.backprop(t)
        logits = teacher.batch_feature(x)
        return student.backprop(t, distill=logits, temperature=4, alpha=0.9)

    lists = options.data / "train.txt", options.data / "test.txt"
    InputBatch(*lists, batch_size=128, crop=1, mirror=False, views="centre", keep="memory")
    how = {"optimizer": "adamw", "lr": 2e-3, "schedule": "linear"}
    return BatchTrain(workout, epochs=options.epochs, **how)[-1]["val_accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="MNIST", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 10), default=3, help="of the students"
    )
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    teachers = {"LSTM teacher": lambda name: recurrent(name, 256), "conv teacher": convolutional}
    accuracies = {}
    for name, made in teachers.items():
        with Deel():
            teacher = made(name)
            accuracies[name] = [learn(teacher, options)]
            teacher.save(OUT / f"{name}.hdf5")
    students = {"alone": None, "by LSTM": "LSTM teacher", "by conv": "conv teacher"}
    for name, teacher in students.items():
        accuracies[name] = []
        for seed in range(options.seeds):
            with Deel(seed=seed):
                student = recurrent("Student", 69)
                taught = None if teacher is None else Network.load(OUT / f"{teacher}.hdf5")
                accuracies[name].append(learn(student, options, taught))
                student.save(OUT / f"{name}.hdf5")

    with Deel():
        print(f"\n{'':<14}{'accuracy':>9}{'spread':>8}{'parameters':>12}")
        for name, found in accuracies.items():
            print(
                f"{name:<14}{statistics.mean(found):>9.2%}{max(found) - min(found):>8.2%}"
                f"{Network.load(OUT / f'{name}.hdf5').parameters:>12,}"
            )


if __name__ == "__main__":
    main()
