"""net.quantise(): a network in int8 that predicts, is compared and is saved."""

import numpy as np
import pytest
from comparison.corners import LABELS, known
from helpers import write_set
from one_sentence import refused
from series import classifier
from small_modules import student as of_module

from deelish import Compare, Deel, InputBatch, Layer, Network, Teacher
from deelish.errors import DataError, FileError, TrainingError
from deelish.plan.sequence_format import SequenceFormat

pytest.importorskip("onnxruntime.quantization")


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=2) as deel:
        yield deel


@pytest.fixture
def train(tmp_path):
    return write_set(tmp_path, "train", 64)


@pytest.fixture
def images(train):
    return [train.parent / f"{number}.png" for number in range(6)]


def depthwise():
    """A network whose depthwise weights differ a hundredfold between channels."""
    rows = [
        Layer("conv1", "Convolution", num_output=8, kernel_size=3, pad=1),
        Layer("relu1", "ReLU"),
        Layer("conv2", "Convolution", num_output=8, kernel_size=3, pad=1, group=8),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    net = known(Network(rows, name="Depthwise", in_size=16, labels=LABELS))
    state = net.engine.arrays(net.module)
    state["conv2.weight"] *= 10.0 ** np.linspace(-1, 1, 8, dtype=np.float32)[:, None, None, None]
    net.engine.set_arrays(net.module, state)
    return net


def apart(net, other, images):
    """The mean difference of their logits, as a part of the largest."""
    ours, theirs = (each.batch_feature(images).value for each in (net, other))
    return np.abs(ours - theirs).mean() / np.abs(ours).max()


@pytest.mark.parametrize("make", [depthwise, lambda: known(of_module())])
def test_it_predicts_nearly_as_the_network_does_and_leaves_it_alone(make, train, images):
    net = make()
    before = net.batch_feature(images).value
    small = net.quantise(train)
    assert 0 < apart(net, small, images) < 0.02
    np.testing.assert_array_equal(net.batch_feature(images).value, before)
    assert small.name == f"{net.name} int8"
    assert small.labels == net.labels
    assert small.preprocessing == net.preprocessing


def test_one_scale_a_layer_loses_more(train, images):
    net = depthwise()
    found = [apart(net, net.quantise(train, weights=w), images) for w in ("channel", "tensor")]
    assert found[1] > 1.3 * found[0]


def test_weights_of_one_scale_a_layer_have_one_scale_in_the_file(train, tmp_path):
    import onnx
    from onnx import numpy_helper

    net = depthwise()
    for weights, scales in (("channel", 8), ("tensor", 1)):
        path = net.quantise(train, weights=weights).save(tmp_path / f"{weights}.onnx")
        graph = onnx.load(path).graph
        arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        node = next(n for n in graph.node if n.input[0] == "conv2/weight_quantized")
        assert arrays[node.input[1]].size == scales
        # All 8 bits are used.
        assert np.abs(arrays[node.input[0]].astype(int)).max() == 127


def test_calibrations_cut_ranges_where_they_say(tmp_path, train, images):
    import onnx
    from onnx import numpy_helper

    net = depthwise()

    def scale(calibration):
        path = net.quantise(train, calibration=calibration).save(tmp_path / "net.onnx")
        graph = onnx.load(path).graph
        arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        found = [node for node in graph.node if node.op_type == "QuantizeLinear"]
        return max(float(arrays[node.input[1]]) for node in found if node.input[0] != "data")

    widest = scale("minmax")
    assert widest > scale("percentile") > 0
    assert widest >= scale("entropy") > 0


def test_it_calibrates_on_the_training_images_of_the_session(train, images):
    net = depthwise()
    given = net.quantise(train).batch_feature(images).value
    InputBatch(train)
    np.testing.assert_array_equal(net.quantise().batch_feature(images).value, given)


def test_it_is_compared_and_teaches_and_is_saved(train, images, tmp_path):
    net = depthwise()
    small = net.quantise(train)
    row = Compare(net, small, train)["student"]
    assert row["agreement"] > 0.9
    assert row["parameters"] == pytest.approx(net.parameters, rel=0.05)
    assert small.classify(images).shape == (6, 4)
    opened = Teacher(small.save(tmp_path / "small.onnx"))
    np.testing.assert_array_equal(
        opened.batch_feature(images).value, small.batch_feature(images).value
    )
    assert opened.labels == net.labels


def test_without_images_it_says_how_to_give_some():
    net = depthwise()
    refused(
        DataError,
        r"Depthwise.quantise\(\): there are no training images to calibrate on; call InputBatch",
        net.quantise,
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weights": "layer"}, "weights='layer' is not known; give 'channel' or 'tensor'"),
        ({"calibration": "mean"}, "calibration='mean' is not known; give 'minmax' or 'entropy' or"),
    ],
)
def test_another_word_is_refused(arguments, sentence, train):
    net = depthwise()
    refused(DataError, sentence, lambda: net.quantise(train, **arguments))


def test_a_list_that_is_not_there_is_named(tmp_path):
    net = depthwise()
    refused((DataError, FileError), "nothing.txt", lambda: net.quantise(tmp_path / "nothing.txt"))


def test_networks_that_read_sequences_are_refused(train):
    net = classifier(SequenceFormat("numbers", 2))
    refused(DataError, "int8 is of networks that see images", lambda: net.quantise(train))


def test_another_extension_is_refused(train, tmp_path):
    small = depthwise().quantise(train)
    refused(FileError, "int8 is saved as .onnx", lambda: small.save(tmp_path / "small.hdf5"))
    assert not list(tmp_path.glob("small.*"))


def test_it_cannot_learn(train):
    small = depthwise().quantise(train)
    refused(TrainingError, "Depthwise int8", lambda: small.backprop(None))
