"""The families run: OpenCV, which reads Caffe's files on its own, gives the same numbers."""

import numpy as np
import pytest

from deelish import Deel, Network
from deelish.networks import (
    AgeNet,
    AlexNet,
    NetworkInNetworkCIFAR10,
    ReferenceCaffeNet,
    ResNet50,
    ResNet101,
    SqueezeNet,
)
from deelish.networks.vgg import cnn_s

pytestmark = pytest.mark.usefixtures("each_engine")

rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def session():
    with Deel() as deel:
        yield deel


def same_as_opencv(network, folder):
    """Whether OpenCV computes what the network does from its file; it returns the output."""
    import cv2

    side = network.preprocessing.size
    x = rng.normal(0, 70, (1, 3, side, side)).astype(np.float32)
    ours = network.run({"data": x}, ["prob"])["prob"].ravel()
    network.save(folder / "net.caffemodel")
    net = cv2.dnn.readNetFromCaffe(str(folder / "net.prototxt"), str(folder / "net.caffemodel"))
    net.setInput(x)
    assert ours.sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(ours, net.forward("prob").ravel(), atol=1e-5)
    return ours


def settled(network):
    """The network, its normalisations with some mean and variance, as training leaves them."""
    for layer in network.plan.layers:
        if layer.type == "BatchNorm":
            weights = network.module.weights_of(layer.name)
            weights.mean.normal_(0, 0.1)
            weights.variance.uniform_(0.5, 2)
            weights.factor.fill_(1)
    return network


@pytest.mark.parametrize(
    "make",
    [
        lambda: AgeNet(in_size=67),
        lambda: NetworkInNetworkCIFAR10(labels=7, in_size=32),
        lambda: NetworkInNetworkCIFAR10(labels=7, in_size=19),
        lambda: SqueezeNet(labels=7, in_size=67),
        lambda: SqueezeNet(labels=7, in_size=67, version="1.0"),
        # The authors' variant for emotions, narrow; OpenCV knows no k but 1.
        lambda: Network(cnn_s(7, 64, k=1.0, pad=2, width=16), in_size=64),
    ],
)
def test_small_ones(make, tmp_path):
    output = same_as_opencv(make(), tmp_path)
    assert output.max() - output.min() > 1e-6  # it looks at the image at all


@pytest.mark.parametrize("family", [AlexNet, ReferenceCaffeNet])
def test_alexnet(family, tmp_path):
    same_as_opencv(family(labels=7, in_size=67), tmp_path)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AgeNet(outputs=7, in_size=35),
        lambda: NetworkInNetworkCIFAR10(labels=7, in_size=4),
        lambda: SqueezeNet(labels=7, in_size=32, version="1.0"),
        lambda: Network(cnn_s(7, 31, width=16), in_size=31),
        lambda: Network(cnn_s(7, 7, pad=2, width=16), in_size=7),
    ],
)
def test_the_smallest_sizes_run(make):
    """OpenCV refuses windows that hang over the edge, so the numbers are only those of classes."""
    network = make()
    side = network.preprocessing.size
    output = network.run({"data": rng.normal(0, 70, (2, 3, side, side)).astype(np.float32)})["prob"]
    assert output.reshape(2, 7).sum(1) == pytest.approx(1, abs=1e-5)


def test_resnet(tmp_path):
    same_as_opencv(settled(ResNet50(labels=7, in_size=48)), tmp_path)


def test_a_resnet_is_trained_on_a_batch_and_computes_then(session):
    """Before its first batch a normalisation knows nothing; in training it takes the batch's."""
    network = ResNet101(labels=7, in_size=32)
    x = rng.normal(0, 70, (4, 3, 32, 32)).astype(np.float32)
    output = session.engine.run(network.module, {"data": x}, ["fc1000"], training=True)["fc1000"]
    assert np.isfinite(session.engine.numpy(output.detach())).all()
    assert np.isfinite(network.run({"data": x}, ["prob"])["prob"]).all()


def test_a_last_relu_is_alive_at_first():
    for network in (
        NetworkInNetworkCIFAR10(labels=7, in_size=32),
        SqueezeNet(labels=7, in_size=32),
    ):
        x = rng.normal(0, 70, (2, 3, 32, 32)).astype(np.float32)
        scores = network.run({"data": x}, [network.plan.logits])[network.plan.logits]
        assert (scores > 0).all()
