"""Files that an earlier deelish wrote: networks and a teacher cache, as of commit 2cae664."""

import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from deelish import BatchTrain, Deel, InputBatch, Layer, Network
from deelish.distillation.teacher_cache.cached import TeacherCache
from deelish.images.views.view import View
from deelish.network.inputs import ImageTensor
from deelish.network.viewing import Viewing
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


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The teacher cache's file, copied."""
    (source,) = FOLDER.glob("*.answers")
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path))
    monkeypatch.setattr("simplejpeg.__version__", "1.9.0")
    return Path(shutil.copy(source, tmp_path))


class Pictures:
    """Images that are known by their keys."""

    def __init__(self, keys):
        self.keys = keys

    def __len__(self):
        return len(self.keys)


def keys_of_before(images):
    """Content, left, top and mirror: all that named a view of an image then."""
    digests = [hashlib.blake2b(path.read_bytes(), digest_size=16).digest() for path in images]
    views = [(digest, View.recorded(digest, number)) for digest in digests for number in (0, 1)]
    data = [d + struct.pack("<dd?", view.left, view.top, view.mirror) for d, view in views]
    keys = b"".join(hashlib.blake2b(each, digest_size=16).digest() for each in data)
    return np.frombuffer(keys, np.uint8).reshape(-1, 16)


def test_cached_logits_are_found_and_nothing_is_computed(expected, images, cache, monkeypatch):
    before = cache.read_bytes()
    with Deel(engine="torch", precision="float32") as deel:
        teacher = Network.load(FOLDER / "before.safetensors")
        assert teacher.fingerprint() == str(expected["fingerprint"])
        monkeypatch.setattr(teacher, "forward", None)
        pictures, viewing = Pictures(keys_of_before(images)), Viewing(cache=TeacherCache())
        found = teacher.batch_feature(ImageTensor(pictures, deel.engine, None, viewing)).value
    # Both views of each image, in whatever order.
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(expected["cached"], axis=0))
    assert cache.read_bytes() == before


def test_logits_of_the_random_windows_of_before_are_not_taken_for_those_of_now(images, cache):
    """The same two fractions of the margin name another window since each is equally probable."""
    before, seen = cache.read_bytes(), []
    with Deel(engine="torch", precision="float32"):
        teacher, student = Network.load(FOLDER / "before.safetensors"), Network(ROWS, in_size=8)
        InputBatch(FOLDER / "train.txt", batch_size=2, views=2)

        def workout(x, t):
            logits = teacher.batch_feature(x).value
            pixels = x.pixels(teacher.preprocessing)
            expected = teacher.run({"data": teacher.preprocessing.apply(pixels)}, "score")["score"]
            np.testing.assert_allclose(logits, expected, rtol=1e-2, atol=1e-2)
            seen.extend(logits)
            student.classify(x)
            return student.backprop(t)

        BatchTrain(workout, epochs=2)
    assert len(seen) == 8
    # In the same file, behind what is there.
    assert list(cache.parent.glob("*.answers")) == [cache]
    assert cache.read_bytes()[: len(before)] == before
    assert len(cache.read_bytes()) > len(before)
