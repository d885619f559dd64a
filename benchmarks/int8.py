"""Int8 without loss: EfficientNet-Lites for CIFAR-10, calibrated alone and taught in int8.

    python benchmarks/int8.py CIFAR10 [--json]

CIFAR10 is a folder as cifar10.py takes it. Each network starts from its ImageNet weights and learns
10,000 of the training images in float32, enlarged to 64 pixels. Its int8 files have weights with
one scale a layer, as many microcontrollers need them, which depthwise networks bear worst; beside
it is a file with a scale for each channel. Then it learns in int8 from its own float32 self, on
30,000 images without their labels, BatchTrain(int8="tensor"), and is written again. All figures are
of the files, run by onnxruntime on the test images in one view. --held-out keeps 5,000 of the
training images and measures on them. What was measured stays in --keep FOLDER: the same command
goes on after a stop.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import airbench
from kept import (
    accuracy,
    add_options,
    all_of,
    first_of_each,
    names_of,
    opened,
    shared,
    write_list,
)
from speed.options import at_least

from deelish import *
from deelish.errors import MissingPackageError

# Rate of float32 and of int8; AdamW with a cosine.
FLOAT_RATE, INT8_RATE = 1e-3, 1e-4
VIEWS = {**airbench.VIEWS, "batch_size": 64}
SIDE = 64
# Of each class: images with labels, and those on which the float32 self teaches, which are more. On
# the former alone it teaches what the labels taught already, and half a point stays lost.
LABELLED, TAUGHT = 1_000, 3_000
# By name: their published weights are packages.
NETWORKS = {f"lite{size}": f"efficientnet/lite{size}" for size in range(3)}


def made(name):
    """A network with its published weights, for ten classes."""
    return Student(NETWORKS[name], labels=10, pretrained=True, size=SIDE, crop=1)


def installed(names):
    """Those whose weights are there; says which are left out, and stops where none is there."""
    found = []
    for name in names:
        try:
            with Deel():
                made(name)
            found.append(name)
        except MissingPackageError as error:
            print(f"{name} is left out: {error}")
    return found or sys.exit("no network has its weights")


def train_float(options, data, labelled, name, path, run):
    """A network in float32, saved, and its figures."""
    with Deel():
        network = made(name)
        InputBatch(labelled, **VIEWS)

        def workout(x, t):
            network.classify(x)
            return network.backprop(t)

        run.train(workout, options.epochs, optimizer="adamw", lr=FLOAT_RATE, weight_decay=0.05)
        network.save(path)
        return {"accuracy": accuracy(network, data), "parameters": network.parameters}


def learn_int8(options, data, images, path, run):
    """The figures of a network's int8 files, before and after it learnt in int8."""
    with Deel():
        network, own = Student.load(path), Student.load(path)
        InputBatch(images, **VIEWS)
        found = {
            "channel": scored(network, data, "channel"),
            "tensor": scored(network, data, "tensor"),
        }

        def workout(x, t):
            network.classify(x)
            return network.backprop(own.batch_feature(x), distill=True, temperature=2)

        how = {"optimizer": "adamw", "lr": INT8_RATE, "int8": "tensor"}
        history = run.train(workout, options.int8_epochs, **how)
        found["learning"] = round(sum(row["seconds"] for row in history))
        found["taught"] = scored(network, data, "tensor")
        found["taught float"] = accuracy(network, data)
        return found


def scored(network, data, weights):
    """The accuracy of the int8 file of a network."""
    return accuracy(network.quantise(weights=weights), data)


def measure(options, data, folder):
    """{(name, "float" or "int8"): the figures of a network}."""
    paths, work, needs = {}, {}, {}
    labelled, images = (
        write_list(folder / f"first_{count}.txt", first_of_each(data, "train.txt", count))
        for count in (LABELLED, TAUGHT)
    )
    for name in options.names:
        file = folder / f"{name}_{options.epochs}.safetensors"
        plain = paths[name, "float"] = file.with_suffix(".json")
        taught = paths[name, "int8"] = folder / f"{file.stem}_int8_{options.int8_epochs}.json"
        work[plain] = partial(train_float, options, data, labelled, name, file)
        work[taught] = partial(learn_int8, options, data, images, file)
        needs[taught] = plain
    found = all_of(work, needs)
    return {key: found[path] for key, path in paths.items()}


def report(rows, names):
    """Print the table."""
    print("\naccuracy of the networks, of their files")
    heads = ("float32", "by channel", "by tensor", "taught", "loss", "left", "minutes")
    print(f"{'':<8}" + "".join(f"{head:>12}" for head in heads))
    for name in names:
        plain, int8 = rows[name, "float"]["accuracy"], rows[name, "int8"]
        cells = [
            f"{value:.2%}" for value in (plain, int8["channel"], int8["tensor"], int8["taught"])
        ]
        cells += [f"{100 * (plain - int8[key]):+.2f}" for key in ("tensor", "taught")]
        cells.append(f"{int8['learning'] / 60:.0f}")
        print(f"{name:<8}" + "".join(f"{cell:>12}" for cell in cells))
    print("loss, left: points below float32 of weights by tensor, calibrated and taught")
    print("minutes: those of the learning in int8, with one thread where --jobs is 2 or more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="which, with commas")
    parser.add_argument("--epochs", type=at_least(1), default=3, help="in float32")
    parser.add_argument("--int8-epochs", type=at_least(1), default=1)
    add_options(parser, "int8", 500)
    options = parser.parse_args()
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    names = names_of(options.networks, NETWORKS)
    with shared(options.jobs):
        options.names = installed(names)
        rows = measure(options, data, folder)
    report(rows, options.names)
    if options.json:
        print(json.dumps({" ".join(key): rows[key] for key in rows}))


if __name__ == "__main__":
    sys.exit(main())
