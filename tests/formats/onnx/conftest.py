"""What the tests of ONNX models share: networks with weights of any value, and their runs."""

from __future__ import annotations

import numpy as np
import pytest

from deelish import Deel, Layer, Network, Plan


@pytest.fixture
def network():
    """Make a network of rows and input shapes, with weights unlike the usual initial ones."""

    def make(rows, **inputs):
        made = Network(Plan(rows, inputs, name="Small"))
        rng = np.random.default_rng(1)
        for layer, blobs in made.plan.weights.items():
            for name, blob in blobs.items():
                values = rng.uniform(0.2, 1, blob.shape).astype(np.float32)
                held = getattr(made.module.weights_of(layer), name).data
                held.copy_(held.new_tensor(values))
        return made

    with Deel():
        yield make


@pytest.fixture
def classifier():
    """A network of three classes with labels."""
    rows = [
        Layer("conv", "Convolution", num_output=4, kernel_size=3, stride=2),
        Layer("relu", "ReLU"),
        Layer("drop", "Dropout"),
        Layer("score", "InnerProduct", num_output=3),
        Layer("prob", "Softmax"),
    ]
    labels = ["tabby cat", "größe", "x"]
    with Deel(seed=1):
        yield Network(rows, in_size=9, labels=labels, name="Mine", order="BGR", mean=(1.5, 2, 3))


@pytest.fixture
def session():
    """Open a model in onnxruntime."""
    runtime = pytest.importorskip("onnxruntime")

    def start(path):
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    return start


@pytest.fixture
def run(session):
    """Run a model on arrays by name: its outputs by name."""

    def output(path, inputs):
        opened = session(path)
        names = [value.name for value in opened.get_outputs()]
        given = {value.name: inputs[value.name] for value in opened.get_inputs()}
        return dict(zip(names, opened.run(names, given), strict=True))

    return output
