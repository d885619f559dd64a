"""Models for images of any height and width: the network's own numbers at every size, or an error.

The other side of each comparison is deelish's engine, which is tested against the original Caffe.
"""

from __future__ import annotations

import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import DeelishError
from deelish.language.caffenet import CaffeNet
from deelish.networks import (
    AgeNet,
    AlexNet,
    GoogLeNet,
    NetworkInNetwork,
    NetworkInNetworkCIFAR10,
    ResNet50,
    SqueezeNet,
)
from deelish.networks.vgg import cnn_s

pytest.importorskip("onnx.checker")
pytest.importorskip("onnxruntime")

FREE = ["height", "width"]


def free_input(session):
    """The input of any height and width, or None."""
    return next((v.name for v in session.get_inputs() if v.shape[2:] == FREE), None)


def compared(network, session, sizes):
    """At how many sizes both give the same numbers; at the others both must refuse."""
    name = free_input(session)
    outputs = [value.name for value in session.get_outputs()]
    same = 0
    for height, width in sizes:
        rng = np.random.default_rng(height)
        inputs = {
            value.name: rng.uniform(-2, 2, network.plan.inputs[value.name])
            for value in session.get_inputs()
        }
        inputs[name] = rng.uniform(-100, 100, (2, inputs[name].shape[1], height, width))
        inputs = {key: values.astype(np.float32) for key, values in inputs.items()}
        try:
            ours = network.run(inputs, outputs)
        except DeelishError:
            with pytest.raises(Exception, match=r"ONNXRuntimeError|onnxruntime"):
                session.run(outputs, inputs)
            continue
        for blob, theirs in zip(outputs, session.run(outputs, inputs), strict=True):
            assert theirs.shape == ours[blob].shape, (blob, height, width)
            scale = np.nanmax(abs(ours[blob])) or 1
            assert np.allclose(theirs, ours[blob], rtol=0, atol=1e-4 * scale, equal_nan=True)
        same += 1
    return same


def sizes_about(side, other=None):
    """Five sizes that are unequal, odd and even, and three that may be too small."""
    h, w = side, other or side
    larger = [(h + 1, w + 2), (h + 4, w + 11), (2 * h + 1, w), (h + 9, w + 30), (h, w + 1)]
    return [*larger, (1, 1), (2, 3), (max(1, h // 4), max(1, w // 3))]


DETECTOR = [
    Layer("conv1", "Convolution", num_output=16, kernel_size=3),
    Layer("relu1", "ReLU"),
    Layer("pool1", "Pooling", kernel_size=3, stride=2),
    Layer("conv2", "Convolution", num_output=16, kernel_size=4),
    Layer("relu2", "ReLU"),
    Layer("conv3", "Convolution", num_output=2, kernel_size=1),
    Layer("prob", "Softmax"),
]


def test_a_face_detector_of_12_by_12_scans_images(network, session, tmp_path):
    """The net of 12 x 12 of Li et al. (CVPR 2015), its fully connected layer as a convolution."""
    made = network(DETECTOR, data=(1, 3, 12, 12))
    opened = session(made.export(tmp_path / "net.onnx"))
    assert opened.get_inputs()[0].shape == ["batch", 3, *FREE]
    assert opened.get_outputs()[0].shape == ["batch", 2, None, None]
    assert compared(made, opened, sizes_about(12)) == 5


FULLY_CONVOLUTIONAL = [
    lambda: NetworkInNetworkCIFAR10(labels=7, in_size=32),
    lambda: NetworkInNetwork(labels=7, in_size=67),
    lambda: SqueezeNet(labels=7, in_size=67),
    lambda: SqueezeNet(labels=7, in_size=64, version="1.0"),
    lambda: ResNet50(labels=7, in_size=33),
]


@pytest.mark.parametrize("make", FULLY_CONVOLUTIONAL)
def test_families_without_fully_connected_layers_take_any_size(make, session, tmp_path):
    with Deel(seed=1):
        made = make()
        for layer in made.plan.layers:
            if layer.type == "BatchNorm":
                made.module.weights_of(layer.name).variance.fill_(1)
                made.module.weights_of(layer.name).factor.fill_(1)
        opened = session(made.export(tmp_path / "net.onnx"))
        assert opened.get_inputs()[0].shape == ["batch", 3, *FREE]
        assert compared(made, opened, sizes_about(made.preprocessing.size)) >= 5


FULLY_CONNECTED = [
    lambda: AgeNet(in_size=35),
    lambda: AlexNet(labels=7, in_size=67),
    lambda: GoogLeNet(labels=7),
    lambda: Network(cnn_s(7, 31, width=16), in_size=31),
]


@pytest.mark.parametrize("make", FULLY_CONNECTED)
def test_families_with_fully_connected_layers_keep_their_size(make, session, tmp_path):
    with Deel():
        made = make()
        opened = session(made.export(tmp_path / "net.onnx"))
    assert opened.get_inputs()[0].shape == ["batch", 3, *[made.preprocessing.size] * 2]


GOLDEN = [
    "crop",
    "batchnorm_batchstats",
    "conv",
    "deconv",
    "fcn_mini",
    "lrn_across",
    "lrn_within",
    "mvn",
]
GOLDEN += ["pool_ave", "pool_max", "reduction", "shared_weights"]
# Of fully connected layers, or of layers that are bound to a size in another way.
BOUND = ["inception_mini", "v0", "v1", "inner_product", "pool_max_mask", "quirk_pool_empty_window"]
BOUND += ["extra_layers", "flatten_reshape", "activations", "argmax", "scale_bias"]


@pytest.mark.parametrize("name", [*GOLDEN, *BOUND])
def test_caffes_nets_at_other_sizes(material, session, tmp_path, name):
    folder = material / "caffe-golden" / name
    if not folder.is_dir():
        pytest.skip(f"caffe-golden/{name} is not in the shared material")
    with Deel():
        net = CaffeNet(folder / "net.caffemodel", folder / "net.prototxt", allow_missing=True)
        opened = session(net.export(tmp_path / "net.onnx"))
        free = free_input(opened)
        assert (free is not None) == (name in GOLDEN)
        if free is not None:
            sides = net.plan.inputs[free][2:]
            assert compared(net, opened, sizes_about(*sides)) >= 5


POOLS = [
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 2, "stride": 2},
    {"kernel_size": 2, "stride": 2, "pad": 1},
    {"kernel_size": 3, "stride": 2, "pad": 1},
    {"kernel_size": 3, "stride": 3, "pad": 2},
    {"kernel_size": 5, "stride": 3, "pad": 2},
    {"kernel_size": 4, "stride": 4, "pad": 3},
    {"kernel_size": (3, 2), "stride": (1, 3), "pad": (2, 0)},
    {"kernel_size": (1, 2), "stride": (3, 2), "pad": (0, 1)},
    {"kernel_size": 3, "stride": 2, "pad": 1, "round_mode": "FLOOR"},
    {"kernel_size": 2, "stride": 3, "round_mode": "FLOOR"},
]


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("args", POOLS)
def test_pooling_rounds_up_and_clips_at_every_size(network, session, tmp_path, pool, args):
    made = network([Layer("out", "Pooling", pool=pool, **args)], data=(2, 3, 12, 12))
    opened = session(made.export(tmp_path / "net.onnx"))
    assert free_input(opened) == "data"
    sizes = [(h, w) for h in range(1, 21) for w in (h, 21 - h, 23)]
    assert compared(made, opened, sizes) > 40


def test_windows_beyond_the_image_are_pooled_at_every_size_by_maxima(network, session, tmp_path):
    """The mean of such a window depends on the size: that network keeps it."""
    row = {"kernel_size": 1, "stride": 3}
    made = network([Layer("out", "Pooling", **row)], data=(2, 3, 12, 12))
    opened = session(made.export(tmp_path / "net.onnx"))
    assert compared(made, opened, [(h, 22 - h) for h in range(1, 22)]) == 21
    made = network([Layer("out", "Pooling", pool="AVE", **row)], data=(2, 3, 13, 13))
    assert free_input(session(made.export(tmp_path / "ave.onnx"))) is None


ANY = [
    ("ShuffleChannel", {"group": 2}),
    ("Flatten", {}),
    ("Flatten", {"axis": 2}),
    ("Reshape", {"shape": (0, 2, -1)}),
    ("Permute", {"order": (0, 2, 3, 1)}),
    ("Upsample", {"scale": 2}),
    ("Interp", {"height": 9, "width": 7}),
    ("Normalize", {}),
    ("Tile", {"tiles": 2, "axis": 2}),
    ("Power", {"power": 0.0, "shift": 2.0}),
]
ONE = [
    ("InnerProduct", {"num_output": 3}),
    ("Pooling", {"kernel_size": 2, "pool": "MAX", "stride": 2}, ["out", "mask"]),
    ("SPP", {"pyramid_height": 2}),
    ("Scale", {"axis": 2, "num_axes": 2}),
    ("Interp", {"zoom_factor": 2}),
    ("Reorg", {"stride": 2}),
    ("Reshape", {"shape": (0, 4, 4, 9)}),
    ("Slice", {"axis": 2}, ["one", "two"]),
    ("ArgMax", {}),
]


@pytest.mark.parametrize(("kind", "args"), ANY)
def test_kinds_that_take_any_size(network, session, tmp_path, kind, args):
    made = network([Layer("out", kind, "data", "out", **args)], data=(2, 4, 6, 6))
    opened = session(made.export(tmp_path / "net.onnx"))
    assert free_input(opened) == "data"
    assert compared(made, opened, sizes_about(6)) >= 5


@pytest.mark.parametrize(("kind", "args", "tops"), [(*case, "out")[:3] for case in ONE])
def test_kinds_that_are_bound_to_one_size(network, session, tmp_path, kind, args, tops):
    made = network([Layer("out", kind, "data", tops, **args)], data=(2, 4, 6, 6))
    assert free_input(session(made.export(tmp_path / "net.onnx"))) is None


def test_what_onnx_would_clip_is_an_error(network, session, tmp_path):
    """ONNX's Slice of 5 x 5 gives less of a smaller image; Caffe's Crop refuses."""
    rows = [
        Layer("five", "Interp", "data", "five", height=5, width=5),
        Layer("cut", "Crop", ["data", "five"], "cut"),
    ]
    made = network(rows, data=(1, 3, 8, 9))
    opened = session(made.export(tmp_path / "net.onnx"))
    assert compared(made, opened, [(5, 6), (9, 5), (4, 9), (9, 4), (2, 2)]) == 2


def test_what_is_written_for_its_own_size_alone_is_written(network, session, tmp_path):
    """One pixel more, and a window of this mask is outside the image, which no model finds."""
    made = network(
        [Layer("pool", "Pooling", "data", ["pool", "mask"], kernel_size=1, stride=3)],
        data=(1, 3, 7, 7),
    )
    assert free_input(session(made.export(tmp_path / "net.onnx"))) is None
