"""A variational autoencoder on MNIST, a smaller student of it, and a plane of digits.

    python examples/vae.py MNIST [--epochs 10] [--seeds 3]

MNIST is a folder with train.txt, test.txt and the images. The teacher is 784-400-20-400-784
(Kingma and Welling 2014, as in PyTorch's examples). A student of 784-50-20-50-784 learns the bound
alone, and then from the teacher too: its Gaussians, and its output. The figure is the bound on
-log p of a test image in nats, after the last epoch: pixels are grey and taken as probabilities. A
third network, with a code of two numbers, shows which digits its plane holds. Pictures and networks
are written into the folder vae.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np

from deelish import *

OUT, SIDE, GRID = Path("vae"), 28, 8
LOSS = {"loss": "binary_cross_entropy", "per": "image"}
GAUSSIAN = {"kind": "gaussian", "student": "gaussian", "teacher": "gaussian"}


def variational(name, hidden, code=20):
    rows = [
        linear("encode", SIDE * SIDE, hidden),
        Layer("encode_relu", "ReLU"),
        # Means, and behind them the logarithms of variances.
        linear("gaussian", hidden, 2 * code),
        Layer("kl", "GaussianKL"),
        Layer("code", "GaussianSample", "gaussian"),
        linear("decode", code, hidden),
        Layer("decode_relu", "ReLU"),
        linear("pixels", hidden, SIDE * SIDE),
        Layer("square", "Reshape", shape=[0, 1, SIDE, SIDE]),
        Layer("image", "Sigmoid"),
    ]
    return Network(rows, name=name, in_size=SIDE, order="L", mean=0, scale=1 / 255, crop=1)


def linear(name, inputs, outputs):
    """With PyTorch's initial weights, by which the published bounds were reached."""
    bound = inputs**-0.5
    filler = {"type": "uniform", "min": -bound, "max": bound}
    return Layer(name, "InnerProduct", num_output=outputs, weight_filler=filler)


def learn(deel, student, options, teacher=None):
    """Train on the bound, and on what a teacher makes; the bound on the test images."""

    def workout(x, t):
        # In validation the bound is measured.
        if teacher is None or not deel.training:
            student.forward(x)
            return student.backprop(x, **LOSS)
        y = teacher.batch_feature(x)
        student.forward(x)
        return student.backprop(x, distill=y, hint=GAUSSIAN, **LOSS)

    lists = options.data / "train.txt", options.data / "test.txt"
    InputBatch(*lists, batch_size=128, crop=1, views="centre", keep="memory")
    how = {"lr": 1e-3, "schedule": "constant", "warmup": 0}
    return BatchTrain(workout, epochs=options.epochs, **how)[-1]["val_loss"]


def plane(decoder):
    """Rows of digits: codes of two numbers, from -2 to 2 in both."""
    steps = np.linspace(-2, 2, GRID, dtype=np.float32)
    codes = np.stack(np.meshgrid(steps, steps[::-1]), -1).reshape(-1, 2)
    pixels = np.rint(255 * decoder.run({"code": codes}, "image")["image"]).astype(np.uint8)
    return [Input(list(row[:, 0])) for row in pixels.reshape(GRID, GRID, 1, SIDE, SIDE)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="MNIST", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 10), default=3, help="of the students"
    )
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    with Deel() as deel:
        teacher = variational("Teacher", 400)
        bounds = {"teacher": [learn(deel, teacher, options)]}
        teacher.save(OUT / "teacher.hdf5")
    for name in ("alone", "distilled"):
        bounds[name] = []
        for seed in range(options.seeds):
            with Deel(seed=seed) as deel:
                student = variational("Student", 50)
                taught = Network.load(OUT / "teacher.hdf5") if name == "distilled" else None
                bounds[name].append(learn(deel, student, options, taught))
                student.save(OUT / f"{name}.hdf5")
    with Deel() as deel:
        flat = variational("Plane", 400, code=2)
        bounds["code of 2"] = [learn(deel, flat, options)]
        flat.save(OUT / "code of 2.hdf5")
        Show(*plane(flat.part(start="code")), save=OUT / "plane.png")

        networks = {name: Network.load(OUT / f"{name}.hdf5") for name in bounds}
        print(f"\n{'':<10}{'nats':>8}{'spread':>8}{'parameters':>12}")
        for name, found in bounds.items():
            print(
                f"{name:<10}{statistics.mean(found):>8.2f}{max(found) - min(found):>8.2f}"
                f"{networks[name].parameters:>12,}"
            )


if __name__ == "__main__":
    main()
