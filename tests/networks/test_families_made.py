"""The classes of the families: their sizes, versions, labels, files and pixels."""

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import DataError, FileError, PlanError
from deelish.networks import (
    CARDS,
    VGG16,
    VGGS,
    AgeNet,
    AlexNet,
    EmotionNet,
    GenderNet,
    GoogLeNet,
    NetworkInNetwork,
    NetworkInNetworkCIFAR10,
    Places205GoogLeNet,
    ReferenceCaffeNet,
    ResNet50,
    ResNet152,
    SqueezeNet,
)


@pytest.fixture(autouse=True)
def session():
    with Deel() as deel:
        yield deel


@pytest.mark.parametrize("size", [0, "224", 32.0, True])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(DataError, match=r"size is .*; give whole pixels, 1 or more"):
        ResNet50(in_size=size)


def test_squeezenet_has_two_versions(tmp_path, monkeypatch):
    assert SqueezeNet(labels=7, in_size=32).plan.shapes["conv1"][1] == 64
    assert SqueezeNet(labels=7, in_size=32, version="1.0").plan.shapes["conv1"][1] == 96
    with pytest.raises(PlanError, match=r"SqueezeNet: version is 1\.1; give '1\.0' or '1\.1'"):
        SqueezeNet(version=1.1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match=r"get it with `deelish fetch squeezenet1.0`"):
        SqueezeNet(modelpath="squeezenet_v1.0.caffemodel", in_size=32, version="1.0")


def ratios(network):
    return [row.args["dropout_ratio"] for row in network.plan.layers if row.type == "Dropout"]


def test_dropout_is_as_published_or_as_given():
    assert ratios(GoogLeNet(labels=10, in_size=64)) == [0.7, 0.7, 0.4]
    assert ratios(GoogLeNet(labels=10, in_size=64, dropout=0.2)) == [0.2] * 3
    assert ratios(SqueezeNet(labels=10, in_size=32, dropout=0.1)) == [0.1]


def test_without_dropout_the_rows_are_gone_and_the_file_fits_as_published(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    plain = NetworkInNetworkCIFAR10(dropout=0)
    assert ratios(plain) == []
    path = plain.save(tmp_path / "plain.hdf5")
    published = NetworkInNetworkCIFAR10(modelpath=path)
    assert ratios(published) == [0.5, 0.5]
    np.testing.assert_array_equal(plain.classify(images).value, published.classify(images).value)


@pytest.mark.parametrize(
    ("family", "ratio", "message"),
    [
        (
            AlexNet,
            1.0,
            r"layer 'drop6' \(Dropout\): dropout_ratio is 1\.0; give 0 or more, below 1",
        ),
        (AlexNet, -0.1, r"layer 'drop6' .* is -0\.1; give 0 or more"),
        (AlexNet, "0.5", r"layer 'drop6' .*'dropout_ratio': '0\.5'"),
        (ResNet50, 0.5, r"ResNet50: dropout is 0\.5, and it has no Dropout layer; leave it out"),
    ],
)
def test_a_dropout_that_cannot_be_is_refused(family, ratio, message):
    with pytest.raises(PlanError, match=message):
        family(dropout=ratio)


def test_faces_come_with_the_names_of_their_classes():
    age = AgeNet(in_size=35)
    assert age.labels[2] == "(8, 12)"
    assert len(age.labels) == age.plan.classes == 8
    assert GenderNet(in_size=35).labels == ["Male", "Female"]
    assert CARDS["emotion"].labels[3] == "Happy"
    assert NetworkInNetworkCIFAR10(in_size=8).labels[:2] == ["airplane", "automobile"]
    assert AgeNet(labels=["young", "old"], in_size=35).labels == ["young", "old"]
    assert AgeNet(outputs=8, in_size=35).labels is None


def test_the_file_of_gender_is_not_taken_for_age(tmp_path):
    path = GenderNet(in_size=35).save(tmp_path / "gender_net.caffemodel")
    with pytest.raises(
        FileError, match=r"does not fit AgeNet, .*'fc8' .* \(2, 512\) .* \(8, 512\)"
    ):
        AgeNet(modelpath=path, in_size=35)
    assert GenderNet(modelpath=path, in_size=35).labels == ["Male", "Female"]
    assert Network.load(path).labels == ["Male", "Female"]


@pytest.mark.parametrize(
    ("family", "size", "mean", "base"),
    [
        (GoogLeNet, 224, (104, 117, 123), 256),
        (AlexNet, 227, (104, 117, 123), 256),
        (ReferenceCaffeNet, 227, (104, 117, 123), 256),
        (VGG16, 224, (103.939, 116.779, 123.68), 256),
        (VGGS, 224, (103.939, 116.779, 123.68), 256),
        (ResNet152, 224, (104, 117, 123), 256),
        (SqueezeNet, 227, (104, 117, 123), 256),
        (NetworkInNetwork, 227, (104, 117, 123), 256),
        (NetworkInNetworkCIFAR10, 32, (113.9, 123.0, 125.3), 32),
        (AgeNet, 227, (78.4263377603, 87.7689143744, 114.895847746), 256),
        (EmotionNet, 224, (78.4263377603, 87.7689143744, 114.895847746), 256),
        (Places205GoogLeNet, 224, (104, 117, 123), 256),
    ],
)
def test_pixels_as_the_published_weights_want_them(family, size, mean, base):
    pixels = family.weights.preprocessing()
    assert (pixels.size, pixels.order, pixels.scale, pixels.resize_size()) == (
        size,
        "BGR",
        1.0,
        base,
    )
    assert pixels.mean == mean
    assert (
        family.weights.preprocessing(64).resize_size() == 73
    )  # 7/8 of the side, as for 224 of 256


def test_a_family_of_ones_own():
    """A class of a user's is called by its own card."""

    def rows(outputs, size):
        return [Layer("score", "InnerProduct", num_output=outputs), Layer("prob", "Softmax")]

    card = type(GoogLeNet.weights)(
        name="mine", family="Mine", rows=rows, paper="none", outputs=3, size=8, file="mine.hdf5"
    )
    mine = type("Mine", (GoogLeNet,), {"weights": card})()
    assert repr(mine).startswith("Mine: 3 x 8 x 8 BGR -> 3 classes | 579 parameters")
