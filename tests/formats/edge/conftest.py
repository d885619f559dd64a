"""Small networks, and images to calibrate on."""

import numpy as np
import pytest
from helpers import small, write_set
from small_modules import student

from deelish import Deel, Layer, Network

ROWS = [
    Layer("conv", "Convolution", num_output=6, kernel_size=3, bias_term=False),
    Layer("norm", "BatchNorm"),
    Layer("scale", "Scale", bias_term=True),
    Layer("relu", "ReLU"),
    Layer("pool", "Pooling", kernel_size=2, stride=2),
    Layer("score", "InnerProduct", num_output=4),
    Layer("prob", "Softmax"),
]
LABELS = ["tabby cat", "dog", "größe", "<x>"]


@pytest.fixture(autouse=True)
def _session():
    with Deel(seed=1):
        yield


@pytest.fixture
def rows():
    """A network with BatchNorm and Scale, on 8 x 8 pixels."""
    made = Network(ROWS, in_size=8, name="Rows", labels=LABELS)
    values = made.engine.state(made.module)
    for blob, low in (("mean", -0.5), ("variance", 0.5), ("factor", 1.0)):
        array = values["norm"][blob]
        array[...] = np.random.default_rng(len(blob)).uniform(low, 1.0, array.shape)
    made.module = made.engine.build(made.plan, values)
    return made


@pytest.fixture
def module():
    """A student that is a torch.nn.Module."""
    return student()


@pytest.fixture
def perceptron():
    """A network on grey pixels."""
    return small()


@pytest.fixture
def images(tmp_path):
    """A list of 24 images with labels."""
    folder = tmp_path / "images"
    folder.mkdir()
    return write_set(folder, "train", 24)
