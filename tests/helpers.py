"""Small datasets that a small network can learn, and the network."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from deelish import BatchTrain, Layer, Network
from deelish.engines.custom import CUSTOM
from deelish.plan.layers import KINDS

# Of a test for each engine: that on Chainer is one of `make long`.
CHAINER_IS_LONG = pytest.mark.parametrize(
    "each_engine", ["torch", pytest.param("chainer", marks=pytest.mark.long)], indirect=True
)


def write_set(folder, name, count, first=0):
    """Images whose class is their bright corner; returns the list."""
    for path, data in _images(count, first):
        (folder / path).write_bytes(data)
    path = folder / f"{name}.txt"
    path.write_text(
        "".join(f"{number}.png {number % 4}\n" for number in range(first, first + count))
    )
    return path


# More than a thousand tests write the same few sets.
@cache
def _images(count, first):
    """Names and content of the files."""
    rng, files = np.random.default_rng(first), []
    for number in range(first, first + count):
        pixels = rng.integers(0, 60, (16, 16), dtype=np.uint8)
        row, column = divmod(number % 4, 2)
        pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 150
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        files.append((f"{number}.png", file.getvalue()))
    return files


def small(name="Small", *, outputs=4, dropout=0.0, **args):
    """A perceptron of one hidden layer on 8 x 8 grey pixels."""
    rows = [
        Layer("hidden", "InnerProduct", num_output=16),
        Layer("relu", "ReLU"),
        Layer("drop", "Dropout", dropout_ratio=dropout),
        Layer("score", "InnerProduct", num_output=outputs),
        Layer("prob", "Softmax"),
    ]
    facts = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255}
    return Network(rows, name=name, **facts | args)


def trained(network, epochs=2):
    """The network after some epochs on the labels."""

    def workout(x, t):
        network.classify(x)
        return network.backprop(t)

    BatchTrain(workout, epochs=epochs, lr=0.01)
    return network


def once(workout):
    """Run a workout on one epoch."""
    return BatchTrain(workout, epochs=1)


def parameters(network):
    """The parameters of the engine's own module, each once."""
    engine, module = network.engine, network.module
    return list(module.parameters() if engine.name == "torch" else module.params())


def gradients(network):
    """Their gradients as NumPy arrays; None where there is none."""
    engine = network.engine
    return [None if p.grad is None else engine.numpy(p.grad) for p in parameters(network)]


def forget(*types):
    """Registered layer types are not known any more."""
    for name in types:
        KINDS.pop(name, None)
        for functions in CUSTOM.values():
            functions.pop(name, None)
