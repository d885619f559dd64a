"""Int8 without loss: three narrow networks on CIFAR-10, calibrated alone and taught in int8.

    python benchmarks/int8.py CIFAR10 [--json]

CIFAR10 is a folder as cifar10.py takes it. Each network learns in float32 from the labels. Its int8
files have weights with one scale a layer, as many microcontrollers need them, which narrow and
depthwise networks bear worst; beside it is a file with a scale for each channel. Then it learns in
int8 from its own float32 self, BatchTrain(int8="tensor"), and is written again. All figures are of
the files, run by onnxruntime on the test images in one view. --held-out keeps 5,000 of the training
images and measures on them. What was measured stays in --keep FOLDER: the same command goes on
after a stop.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import airbench
from kept import accuracy, add_options, all_of, names_of, opened, shared

from deelish import *

# Rate of float32 and of int8; AdamW with a cosine.
FLOAT_RATE, INT8_RATE = 2e-3, 1e-4
VIEWS = {**airbench.VIEWS, "batch_size": 128}
SIDE = 64
# Channels and stride of each pair of the network of rows.
BLOCKS = ((32, 1), (64, 2), (64, 1), (96, 2), (96, 1), (128, 1))


def separable():
    """Rows: a convolution, and pairs of a depthwise and a plain one after MobileNet (2017)."""
    rows, inside = convolved("first", 24, kernel_size=3, pad=1), 24
    for number, (channels, stride) in enumerate(BLOCKS, start=1):
        depthwise = {"kernel_size": 3, "pad": 1, "stride": stride, "group": inside}
        rows += convolved(f"deep{number}", inside, **depthwise)
        rows += convolved(f"wide{number}", channels, kernel_size=1)
        inside = channels
    rows += [
        Layer("pool", "Pooling", pool="AVE", global_pooling=True),
        Layer("score", "InnerProduct", num_output=10),
        Layer("prob", "Softmax"),
    ]
    pixels = {"in_size": 32, "order": "RGB", "mean": 128, "scale": 1 / 64, "crop": 1}
    return Network(rows, name="separable", labels=10, **pixels)


def convolved(name, channels, **window):
    """A convolution with BatchNorm, its scale, and a ReLU."""
    return [
        Layer(name, "Convolution", num_output=channels, bias_term=False, **window),
        Layer(f"{name}_norm", "BatchNorm"),
        Layer(f"{name}_scale", "Scale", bias_term=True),
        Layer(f"{name}_relu", "ReLU"),
    ]


def of_timm(name):
    """A network of timm for 64 pixels: the images are twice as large as they are."""
    return Student(f"timm/{name}", labels=10, size=SIDE, crop=1)


NETWORKS = {
    "separable": separable,
    "mobilenetv2_035": partial(of_timm, "mobilenetv2_035"),
    "mobilenetv3_small_050": partial(of_timm, "mobilenetv3_small_050"),
}
# A network of rows holds all of itself; a network of timm too, by its name.
EXTENSION = ".safetensors"


def train_float(options, data, name, path):
    """A network in float32, saved, and its figures."""
    with Deel():
        network = NETWORKS[name]()
        InputBatch(data / "train.txt", **VIEWS)

        def workout(x, t):
            network.classify(x)
            return network.backprop(t)

        BatchTrain(
            workout, epochs=options.epochs, optimizer="adamw", lr=FLOAT_RATE, weight_decay=0.05
        )
        network.save(path)
        return {"accuracy": accuracy(network, data), "parameters": network.parameters}


def loaded(path):
    """The network of a file."""
    try:
        return Network.load(path)
    except DeelishError:
        return Student.load(path)


def learn_int8(options, data, path):
    """The figures of a network's int8 files, before and after it learnt in int8."""
    with Deel():
        network, own = loaded(path), loaded(path)
        InputBatch(data / "train.txt", **VIEWS)
        found = {
            "channel": scored(network, data, "channel"),
            "tensor": scored(network, data, "tensor"),
        }

        def workout(x, t):
            network.classify(x)
            return network.backprop(own.batch_feature(x), distill=True, temperature=2)

        BatchTrain(
            workout, epochs=options.int8_epochs, optimizer="adamw", lr=INT8_RATE, int8="tensor"
        )
        found["taught"] = scored(network, data, "tensor")
        found["taught float"] = accuracy(network, data)
        return found


def scored(network, data, weights):
    """The accuracy of the int8 file of a network."""
    return accuracy(network.quantise(weights=weights), data)


def measure(options, data, folder):
    """{(name, "float" or "int8"): the figures of a network}."""
    paths, work, needs = {}, {}, {}
    for name in options.names:
        file = folder / f"{name}_{options.epochs}{EXTENSION}"
        plain = paths[name, "float"] = file.with_suffix(".json")
        taught = paths[name, "int8"] = folder / f"{file.stem}_int8_{options.int8_epochs}.json"
        work[plain] = partial(train_float, options, data, name, file)
        work[taught] = partial(learn_int8, options, data, file)
        needs[taught] = plain
    found = all_of(work, needs)
    return {key: found[path] for key, path in paths.items()}


def report(rows, names):
    """Print the table."""
    print("\naccuracy of the networks, of their files")
    heads = ("float32", "by channel", "by tensor", "taught", "loss", "left", "minutes")
    print(f"{'':<24}" + "".join(f"{head:>12}" for head in heads))
    for name in names:
        plain, int8 = rows[name, "float"]["accuracy"], rows[name, "int8"]
        cells = [
            f"{value:.2%}" for value in (plain, int8["channel"], int8["tensor"], int8["taught"])
        ]
        cells += [f"{100 * (plain - int8[key]):+.2f}" for key in ("tensor", "taught")]
        cells.append(f"{int8['seconds'] / 60:.0f}")
        print(f"{name:<24}" + "".join(f"{cell:>12}" for cell in cells))
    print("loss, left: points below float32 of weights by tensor, calibrated and taught")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="CIFAR10", type=Path)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="which, with commas")
    parser.add_argument("--epochs", type=int, default=12, help="in float32")
    parser.add_argument("--int8-epochs", type=int, default=3)
    add_options(parser, "int8", 500)
    options = parser.parse_args()
    data, folder = opened(options, "CIFAR-10", airbench.COUNTS)
    options.names = names_of(options.networks, NETWORKS)
    with shared(options.jobs):
        rows = measure(options, data, folder)
    report(rows, options.names)
    if options.json:
        print(json.dumps({" ".join(key): rows[key] for key in rows}))


if __name__ == "__main__":
    sys.exit(main())
