"""The published GoogLeNet: Caffe's file gives the published numbers."""

import numpy as np
import pytest
from PIL import Image

from deelish import Deel
from deelish.errors import FileError
from deelish.networks import GoogLeNet, NetworkInNetwork

FILE = "bvlc_googlenet.caffemodel"


@pytest.fixture(scope="module")
def model(material):
    path = material / "models" / FILE
    if not path.is_file():
        pytest.skip(f"models/{FILE} is not in the shared material")
    return path


@pytest.fixture
def session():
    with Deel() as deel:
        yield deel


@pytest.mark.long
def test_accuracy_on_500_photographs(session, model, photographs):
    network = GoogLeNet(labels=photographs / "labels.txt", modelpath=model)
    first = fifth = 0
    items = [
        line.rsplit(None, 1)
        for name in ("train.txt", "test.txt")
        for line in (photographs / name).read_text().splitlines()
    ]
    for start in range(0, len(items), 25):
        part = items[start : start + 25]
        scores = network.classify([photographs / path for path, _ in part]).value
        labels = np.array([int(label) for _, label in part])[:, None]
        best = np.argsort(-scores, 1)[:, :5]
        first += (best[:, :1] == labels).sum()
        fifth += (best == labels).sum()
    assert len(items) == 500
    # Measured by an independent implementation on the same images, resized to 256 x 256.
    assert 100 * first / 500 == pytest.approx(77.4, abs=0.4)
    assert 100 * fifth / 500 == pytest.approx(94.0, abs=0.4)


def test_a_photograph_is_named(session, model, photographs, capsys):
    network = GoogLeNet(labels=photographs / "labels.txt", modelpath=model)
    capsys.readouterr()
    network.classify(photographs / "images" / "n01514668.jpg").show()
    assert capsys.readouterr().out.startswith("#1 | cock | ")


def test_opencv_reads_what_was_saved_and_computes_the_same(session, model, photographs, tmp_path):
    import cv2

    network = GoogLeNet(modelpath=model)
    network.save(tmp_path / "saved.caffemodel")
    image = Image.open(photographs / "images" / "n01514668.jpg").resize((224, 224))
    x = np.asarray(image, np.float32)[None, :, :, ::-1].transpose(0, 3, 1, 2) - 110
    net = cv2.dnn.readNetFromCaffe(
        str(tmp_path / "saved.prototxt"), str(tmp_path / "saved.caffemodel")
    )
    net.setInput(np.ascontiguousarray(x))
    theirs = net.forward("prob")
    ours = network.run({"data": x}, ["prob"])["prob"]
    assert np.allclose(ours, theirs.reshape(ours.shape), atol=1e-4)
    image.close()


def test_another_number_of_classes_replaces_the_classifier_only(session, model, capsys):
    network = GoogLeNet(outputs=10, modelpath=model)
    assert network.untrained & network.plan.test_layers == {"loss3/classifier"}
    said = capsys.readouterr().out
    assert "loss3/classifier: new, (10, 1024) instead of the file's (1000, 1024)" in said


def test_the_file_of_another_network_is_refused(session, model):
    with pytest.raises(FileError, match=f"{FILE} does not fit NetworkInNetwork, .* layers differ"):
        NetworkInNetwork(modelpath=model)
