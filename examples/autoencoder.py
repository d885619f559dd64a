"""Autoencoders on MNIST: a code of 128 numbers an image, and a smaller student of the same code.

    python examples/autoencoder.py MNIST [--denoise] [--epochs 50] [--student-epochs 20] [--seeds 3]

MNIST is a folder with train.txt, test.txt and the images. The teacher is the convolutional
autoencoder of Keras's article (Chollet 2016); with --denoise the one that removes noise of half of
the pixels' range. A student of a third of its parameters learns to reconstruct the images alone,
and then from the images and the teacher's output. Losses are binary cross-entropies, means over the
pixels of the test images, after the last epoch. A picture and the networks are written into the
folder autoencoder.
"""

import argparse
import statistics
from pathlib import Path

from deelish import *

OUT = Path("autoencoder")
LOSS = "binary_cross_entropy"


def convolution(name, width, pad=1, relu=True):
    how = {"num_output": width, "kernel_size": 3, "pad": pad, "weight_filler": "msra"}
    rows = [Layer(name, "Convolution", **how)]
    return [*rows, Layer(f"{name}_relu", "ReLU")] if relu else rows


def halved(number):
    # Caffe's pooling rounds up: 28, 14, 7, 4.
    return Layer(f"pool{number}", "Pooling", kernel_size=2, stride=2)


def doubled(number):
    return Layer(f"up{number}", "Upsample", scale=2)


def compressing(name, wide, narrow):
    """28 x 28 pixels -> a code of 8 x 4 x 4 -> 28 x 28 pixels."""
    rows = [
        *(*convolution("encode1", wide), halved(1)),
        *(*convolution("encode2", narrow), halved(2)),
        *(*convolution("encode3", 8), halved(3)),
        *(*convolution("decode1", narrow), doubled(1)),
        *(*convolution("decode2", narrow), doubled(2)),
        *(*convolution("decode3", wide, pad=0), doubled(3)),
        *convolution("pixels", 1, relu=False),
        Layer("image", "Sigmoid"),
    ]
    return network(rows, name)


def denoising(name, wide, narrow):
    """28 x 28 pixels -> maps of 7 x 7 -> 28 x 28 pixels."""
    rows = [
        *(*convolution("encode1", wide), halved(1)),
        *(*convolution("encode2", narrow), halved(2)),
        *(*convolution("decode1", narrow), doubled(1)),
        *(*convolution("decode2", wide), doubled(2)),
        *convolution("pixels", 1, relu=False),
        Layer("image", "Sigmoid"),
    ]
    return network(rows, name)


def network(rows, name):
    return Network(rows, name=name, in_size=28, order="L", mean=0, scale=1 / 255, crop=1)


def learn(deel, student, options, epochs, teacher=None):
    """Train, with a teacher's output as a second target; the loss on the test images."""

    def workout(x, t):
        seen = AddNoise(x, 0.5) if options.denoise else x
        student.forward(seen)
        # In validation all are compared with the images.
        if teacher is None or not deel.training:
            return student.backprop(x, loss=LOSS)
        return student.backprop(x, distill=teacher.batch_feature(seen), loss=LOSS)

    data = options.data
    lists = data / "train.txt", data / "test.txt"
    InputBatch(*lists, batch_size=128, crop=1, views="centre", keep="memory")
    rows = BatchTrain(workout, epochs=epochs, lr=5e-3, schedule="linear")
    return rows[-1]["val_loss"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="MNIST", type=Path)
    parser.add_argument("--denoise", action="store_true", help="remove noise")
    parser.add_argument("--epochs", type=int, default=50, help="of the teacher")
    parser.add_argument("--student-epochs", type=int, default=20)
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 10), default=3, help="of the students"
    )
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    made, (large, small) = compressing, ((16, 8), (8, 4))
    if options.denoise:
        made, (large, small) = denoising, ((32, 32), (16, 16))
    with Deel() as deel:
        teacher = made("Teacher", *large)
        losses = {"teacher": [learn(deel, teacher, options, options.epochs)]}
        teacher.save(OUT / "teacher.hdf5")
    for name in ("alone", "distilled"):
        losses[name] = []
        for seed in range(options.seeds):
            with Deel(seed=seed) as deel:
                student = made("Student", *small)
                taught = Network.load(OUT / "teacher.hdf5") if name == "distilled" else None
                losses[name].append(learn(deel, student, options, options.student_epochs, taught))
                student.save(OUT / f"{name}.hdf5")

    with Deel():
        networks = {name: Network.load(OUT / f"{name}.hdf5") for name in losses}
        lines = (options.data / "test.txt").read_text().splitlines()
        # A list may be sorted by class: take images from all of it.
        shown = lines[:: max(1, len(lines) // 8)][:8]
        x = Input([options.data / line.split()[0] for line in shown])
        seen = AddNoise(x, 0.5) if options.denoise else x
        Show(seen, *(each.forward(seen) for each in networks.values()), save=OUT / "images.png")
        print(f"\n{'':<10}{'loss':>9}{'spread':>9}{'parameters':>12}")
        for name, found in losses.items():
            print(
                f"{name:<10}{statistics.mean(found):>9.4f}{max(found) - min(found):>9.4f}"
                f"{networks[name].parameters:>12,}"
            )


if __name__ == "__main__":
    main()
