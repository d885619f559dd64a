"""Files that an earlier deelish wrote: networks and a teacher cache, as of commit 2cae664."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from deelish import BatchTrain, Deel, InputBatch, Layer, Network
from deelish.plan.preprocessing import Preprocessing

FOLDER = Path(__file__).with_name("written_before")
LABELS = ["cat", "dog", "größe"]
PREPROCESSING = Preprocessing(8, "BGR", (104.0, 117.0, 123.0), 1 / 64, 0.75)
ROWS = [
    Layer("conv", "Convolution", num_output=4, kernel_size=3, stride=2),
    Layer("norm", "BatchNorm"),
    Layer("scale", "Scale", bias_term=True),
    Layer("relu", "ReLU"),
    Layer("drop", "Dropout", dropout_ratio=0.3),
    Layer("score", "InnerProduct", num_output=3),
    Layer("prob", "Softmax"),
]


@pytest.fixture
def expected():
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def images():
    return [FOLDER / f"{number}.png" for number in range(4)]


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("extension", [".hdf5", ".safetensors", ".caffemodel"])
def test_a_network_loads_with_all_that_it_holds(extension, expected, images):
    with Deel():
        network = Network.load(FOLDER / f"before{extension}")
        # Another processor rounds otherwise.
        logits = network.classify(images).value
        np.testing.assert_allclose(logits, expected["logits"], rtol=1e-5, atol=1e-6)
    assert network.labels == LABELS
    assert network.preprocessing == PREPROCESSING
    assert not network.new_layers


def test_weights_alone_load_into_a_network(expected, images):
    facts = {"in_size": 8, "order": "BGR", "mean": (104.0, 117.0, 123.0), "scale": 1 / 64}
    with Deel():
        network = Network(ROWS, modelpath=FOLDER / "before.npz", crop=0.75, labels=LABELS, **facts)
        logits = network.classify(images).value
    np.testing.assert_allclose(logits, expected["logits"], rtol=1e-5, atol=1e-6)


def test_cached_logits_are_found_and_nothing_is_computed(expected, tmp_path, monkeypatch):
    (source,) = FOLDER.glob("*.answers")
    shutil.copy(source, tmp_path)
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path))
    seen = []
    with Deel(engine="torch", precision="float32"):
        teacher, student = Network.load(FOLDER / "before.safetensors"), Network(ROWS, in_size=8)
        assert teacher.fingerprint() == str(expected["fingerprint"])
        InputBatch(FOLDER / "train.txt", batch_size=2, views=2)

        def workout(x, t):
            monkeypatch.setattr(teacher, "forward", None)
            seen.extend(teacher.batch_feature(x).value)
            student.classify(x)
            return student.backprop(t)

        BatchTrain(workout, epochs=2)
    # Both views of each image, in whatever order.
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(expected["cached"], axis=0))
    assert (tmp_path / source.name).read_bytes() == source.read_bytes()
