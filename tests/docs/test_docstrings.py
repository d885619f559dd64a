"""The examples in the docstrings: every verb has one, and each runs and prints what it shows."""

import doctest
import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from helpers import forget
from PIL import Image

import deelish
from deelish import BatchTrain, Compare, Deel, InputBatch, Layer, Network
from deelish.comparison.result import Comparison

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OTHERS = ("CNN", "DeelishError")
METHODS = {
    Network: "load Input classify forward batch_feature feature backprop explain export card push"
    " save part",
    deelish.Student: "load save",
    Comparison: "worst confusion save",
}
DOCUMENTED = {
    **{name: getattr(deelish, name) for name in dir(deelish) if name not in OTHERS},
    **{
        f"{owner.__name__}.{name}": getattr(owner, name)
        for owner, names in METHODS.items()
        for name in names.split()
    },
}


def write_images(folder):
    """Cats are red and dogs blue."""
    rng = np.random.default_rng(0)
    (folder / "data").mkdir()
    lines = []
    for number in range(12):
        colour = [(180, 60, 60), (60, 60, 180)][number % 2]
        pixels = (rng.integers(0, 60, (16, 16, 3)) + colour).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "data" / f"{number}.png")
        lines.append(f"{number}.png {number % 2}\n")
    (folder / "data" / "train.txt").write_text("".join(lines[:8]))
    (folder / "data" / "test.txt").write_text("".join(lines[8:]))
    (folder / "data" / "labels.txt").write_text("cat\ndog\n")
    Image.open(folder / "data" / "0.png").resize((40, 30)).save(folder / "cat.jpg")


def made(name):
    rows = [
        Layer("conv1", "Convolution", num_output=4, kernel_size=3, pad=1),
        Layer("relu1", "ReLU"),
        Layer("pool", "Pooling", pool="AVE", global_pooling=True),
        Layer("score", "InnerProduct", num_output=2),
    ]
    pixels = {"in_size": 16, "mean": 127.5, "scale": 1 / 127.5}
    return Network(rows, labels="data/labels.txt", name=name, **pixels)


def taught(name):
    """A network that knows red from blue."""
    net = made(name)
    weights = {layer: net.module.weights_of(layer) for layer in ("conv1", "score")}
    for layer in weights.values():
        layer.weight.data.zero_()
        layer.bias.data.zero_()
    for channel in range(3):
        weights["conv1"].weight.data[channel, channel, 1, 1] = 1
    for row, sign in enumerate((3, -3)):
        weights["score"].weight.data[row, 0] = sign
        weights["score"].weight.data[row, 2] = -sign
    net.untrained.clear()
    return net


@pytest.fixture
def names(tmp_path, monkeypatch):
    """What the reference says that its examples have."""
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path)
    with Deel(seed=1) as deel:
        net, teacher, student = taught("Net"), taught("Teacher"), made("Student")
        for path in ("net.hdf5", "net.caffemodel"):
            net.save(path)
        InputBatch("data/train.txt", "data/test.txt", batch_size=4)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t, distill=teacher.batch_feature(x))

        # So that the student may be compared.
        with redirect_stdout(io.StringIO()):
            BatchTrain(workout, epochs=1)
        known = {name: getattr(deelish, name) for name in dir(deelish)}
        own = {"deel": deel, "net": net, "teacher": teacher, "student": student}
        yield {**known, "Compare": Compare, "workout": workout, **own}
    # What the example of register_layer registers.
    forget("Mish")


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_example_of_a_verb(name, names):
    value = DOCUMENTED[name]
    text = getattr(value, "__func__", value).__doc__
    example = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    assert example.examples, f"{name} has no example"
    shown = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(example, out=shown.append)
    assert runner.failures == 0, "".join(shown)
