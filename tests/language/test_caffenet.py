"""CaffeNet: any net of Caffe opened by one call, trained further, refused where it must be."""

import numpy as np
import pytest
from helpers import once, write_set

from deelish import CaffeNet, Deel, InputBatch, Network
from deelish.errors import CaffeError, DataError, FileError, PlanError
from deelish.formats.caffe import caffemodel_bytes, read_net, rows_of
from deelish.formats.caffe.codec import encode
from deelish.formats.caffe.schema import BLOB
from deelish.networks import GoogLeNet
from deelish.plan import Plan

TRAINING = """
name: "Corners"
layer { name: "data" type: "Data" top: "data" top: "label"
  transform_param { crop_size: 8 scale: 0.0039 } data_param { source: "gone" batch_size: 16 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { lr_mult: 0 } param { lr_mult: 2 }
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 weight_filler { type: "msra" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "score" type: "InnerProduct" bottom: "conv" top: "score"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "score" bottom: "label" top: "accuracy"
  include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "score" bottom: "label" top: "loss" }
"""
DEPLOY = TRAINING.replace(
    TRAINING[TRAINING.index('layer { name: "data"') : TRAINING.index('layer { name: "conv"')],
    'input: "data" input_shape { dim: 1 dim: 1 dim: 8 dim: 8 } input: "label"'
    " input_shape { dim: 1 }\n",
)


@pytest.fixture(autouse=True)
def session(each_engine):
    with Deel(seed=3) as deel:
        yield deel


@pytest.fixture
def deploy(tmp_path):
    path = tmp_path / "deploy.prototxt"
    path.write_text(DEPLOY)
    return path


@pytest.fixture
def foreign(tmp_path, deploy):
    """A .caffemodel as Caffe would have written it, without deelish's own note."""
    net = CaffeNet(prototxt=deploy)
    path = tmp_path / "foreign.caffemodel"
    path.write_bytes(caffemodel_bytes(net.plan, net.engine.state(net.module)))
    return path


def train(student, folder, epochs=3):
    InputBatch(write_set(folder, "train", 64), batch_size=16, crop=1, mirror=False)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    return [once(workout)[0]["loss"] for _ in range(epochs)]


def test_the_same_file_through_both_classes_is_equal_to_the_bit(material, photographs, capsys):
    path = material / "models" / "bvlc_googlenet.caffemodel"
    if not path.is_file():
        pytest.skip("the published GoogLeNet is not in the shared material")
    ours, any_net = GoogLeNet(modelpath=path), CaffeNet(path)
    assert any_net.preprocessing == ours.preprocessing
    pictures = sorted((photographs / "images").iterdir())[:8]
    first, second = (net.classify([str(p) for p in pictures]).value for net in (ours, any_net))
    np.testing.assert_array_equal(first, second)


def test_a_net_in_text_alone_is_a_student(deploy, tmp_path):
    student = CaffeNet(prototxt=deploy, scale=1 / 255)
    assert student.untrained == {"conv", "bn", "scale", "score"}
    assert student.plan.logits == "score"
    losses = train(student, tmp_path)
    assert losses[-1] < losses[0]


def test_fine_tuning_honours_lr_mult_and_replaces_the_classifier(foreign, tmp_path, capsys):
    net = CaffeNet(foreign, labels=["a", "b", "c", "d", "e"])
    assert "score: new, (5, 72) instead of the file's (4, 72); train it before" in (
        capsys.readouterr().out
    )
    assert net.plan.classes == 5
    assert net.untrained == {"score"}
    before = net.engine.state(net.module)
    train(net, tmp_path, epochs=1)
    after = net.engine.state(net.module)
    np.testing.assert_array_equal(before["conv"]["weight"], after["conv"]["weight"])
    assert (before["conv"]["bias"] != after["conv"]["bias"]).all()
    assert (before["scale"]["weight"] != after["scale"]["weight"]).any()
    # BatchNorm counts: its factor is the sum of powers of its fraction, and one image more a step.
    assert after["bn"]["factor"] > before["bn"]["factor"]


def test_the_same_number_of_classes_keeps_the_classifier(foreign):
    assert not CaffeNet(foreign, labels=["a", "b", "c", "d"]).untrained


def test_an_imported_net_teaches(foreign, deploy, tmp_path):
    teacher, student = CaffeNet(foreign), CaffeNet(prototxt=deploy)
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)

    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(logits, distill=True)

    assert once(workout)[0]["loss"] > 0


def test_losses_are_outputs_that_the_logits_do_not_depend_on(deploy):
    net = CaffeNet(prototxt=deploy)
    assert net.plan.outputs == ["accuracy", "loss"]
    x = np.zeros((2, 1, 8, 8), np.float32)
    assert net.run({"data": x}, "score")["score"].shape == (2, 4)
    with pytest.raises(DataError, match="Corners: input 'label' is missing; give it by that name"):
        net.run({"data": x})
    outputs = net.run({"data": x, "label": np.array([0, 1])})
    scores = net.run({"data": x}, "score")["score"].astype(np.float64)
    picked = scores[[0, 1], [0, 1]] - np.log(np.exp(scores).sum(1))
    np.testing.assert_allclose(outputs["loss"], -picked.mean(), rtol=1e-5)


def test_the_transform_of_the_data_layer_is_used(tmp_path, foreign):
    path = tmp_path / "train.prototxt"
    path.write_text(TRAINING)
    with pytest.raises(CaffeError, match=r"reads blob 'data', which is neither an input of known"):
        CaffeNet(prototxt=path)
    # With the weights the channels are known.
    rows = TRAINING.replace("crop_size: 8", "crop_size: 8 mean_value: 7")
    path.write_text(rows)
    net = read_net(foreign)
    assert rows_of(net)[1]["data"] == (1, 1, 8, 8)


def test_another_size_where_the_weights_allow_it(foreign, deploy, tmp_path):
    with pytest.raises(FileError, match=r"layer 'score' \(InnerProduct\): weights are \(4, 72\)"):
        CaffeNet(foreign, in_size=16)
    path = tmp_path / "pooled.prototxt"
    pooled = DEPLOY.replace(
        'layer { name: "score" type: "InnerProduct" bottom: "conv"',
        'layer { name: "mean" type: "Pooling" bottom: "conv" top: "mean"'
        " pooling_param { pool: AVE global_pooling: true } }\n"
        'layer { name: "score" type: "InnerProduct" bottom: "mean"',
    )
    path.write_text(pooled)
    net = CaffeNet(prototxt=path, in_size=16)
    assert net.plan.inputs["data"] == (1, 1, 16, 16)
    # Another size still, for one call: the weights fit it.
    assert net.run({"data": np.zeros((1, 1, 24, 20))}, "score")["score"].shape == (1, 4)


def test_means(foreign, tmp_path, capsys):
    image = np.stack([np.full((4, 5), value, np.float32) for value in (1, 2, 4)])
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(encode({"shape": {"dim": [1, 3, 4, 5]}, "data": image}, BLOB))
    text = tmp_path / "rgb.prototxt"
    text.write_text(DEPLOY.replace("dim: 1 dim: 1 dim: 8", "dim: 1 dim: 3 dim: 8"))
    assert CaffeNet(prototxt=text, mean=path).preprocessing.mean == (1.0, 2.0, 4.0)
    assert (
        "3 x 4 x 5, its mean of each channel is taken: (1.0, 2.0, 4.0)" in capsys.readouterr().out
    )
    assert CaffeNet(prototxt=text, mean=[1, 2, 3]).preprocessing.mean == (1.0, 2.0, 3.0)
    assert CaffeNet(prototxt=text, mean=5).preprocessing.mean == (5.0,)
    assert CaffeNet(prototxt=text).preprocessing.mean == (104.0, 117.0, 123.0)
    assert "(104.0, 117.0, 123.0) of ImageNet is taken" in capsys.readouterr().out


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nonfinite_weights_are_refused_unless_allowed(deploy, tmp_path, value):
    net = CaffeNet(prototxt=deploy)
    values = net.engine.state(net.module)
    values["conv"]["weight"][1, 0, 2, 0] = value
    path = tmp_path / "bad.caffemodel"
    path.write_bytes(caffemodel_bytes(net.plan, values))
    with pytest.raises(FileError, match=r"layer 'conv' \(Convolution\): its weights hold NaN or"):
        CaffeNet(path)
    again = CaffeNet(path, allow_nonfinite=True).engine
    assert again is not None


def test_layers_without_weights_are_refused_unless_allowed(foreign, tmp_path, capsys):
    text = tmp_path / "more.prototxt"
    more = 'layer { name: "more" type: "Scale" bottom: "score" top: "more" }\n'
    text.write_text(DEPLOY + more)
    with pytest.raises(FileError, match=r"layer 'more' \(Scale\): missing in the file"):
        CaffeNet(foreign, text)
    net = CaffeNet(foreign, text, allow_missing=True)
    assert net.untrained == {"more"}
    assert "more: not in foreign.caffemodel, new; train before use" in capsys.readouterr().out


def test_layers_that_the_net_lacks_are_named(foreign, tmp_path, capsys):
    text = tmp_path / "less.prototxt"
    text.write_text(DEPLOY[: DEPLOY.index('layer { name: "score"')])
    CaffeNet(foreign, text)
    assert "score: in foreign.caffemodel, not in the network; ignored" in capsys.readouterr().out


def test_a_file_that_is_no_net_gives_one_sentence(tmp_path, deploy, foreign):
    with pytest.raises(CaffeError, match=r"neither a .caffemodel nor a .prototxt"):
        CaffeNet()
    with pytest.raises(FileError, match=r"gone.caffemodel: no such file"):
        CaffeNet("gone.caffemodel")
    with pytest.raises(CaffeError, match=r"is text, .*not a \.caffemodel"):
        CaffeNet(deploy)
    with pytest.raises(CaffeError, match=r"foreign\.caffemodel: .*prototxt"):
        CaffeNet(foreign, prototxt=foreign)
    with pytest.raises(DataError, match="labels= names 1 classes and outputs=5; give one of the"):
        CaffeNet(foreign, outputs=5, labels=["a"])


def test_a_net_without_images_runs_but_does_not_classify(tmp_path):
    path = tmp_path / "sequence.prototxt"
    path.write_text(
        'input: "x" input_shape { dim: 2 dim: 3 dim: 4 }\n'
        'layer { name: "score" type: "InnerProduct" bottom: "x" top: "score"'
        ' inner_product_param { num_output: 2 axis: 2 weight_filler { type: "xavier" } } }\n'
    )
    net = CaffeNet(prototxt=path, allow_missing=True)
    assert net.run({"x": np.ones((5, 3, 4))})["score"].shape == (5, 3, 2)
    with pytest.raises(PlanError, match=r"takes no images, its input 'x' is \(2, 3, 4\); give arr"):
        net.classify(np.zeros((4, 4, 3), np.uint8))


def test_a_net_with_a_map_of_scores_gives_it_as_a_feature(tmp_path):
    path = tmp_path / "map.prototxt"
    path.write_text(
        'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
        'layer { name: "score" type: "Convolution" bottom: "data" top: "score"'
        ' convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "msra" } } }\n'
    )
    net, pixels = CaffeNet(prototxt=path), np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(
        PlanError, match=r"its output is an array of 2 x 6 x 6 .*; call forward\(x\), or give"
    ):
        net.classify(pixels)
    assert net.forward(pixels).value.shape == (1, 2, 6, 6)
    assert net.feature(pixels, layer="score").value.shape == (1, 2, 6, 6)


def test_a_saved_net_needs_no_caffe_file(foreign, tmp_path):
    net = CaffeNet(foreign, labels=["a", "b", "c", "d"])
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    expected = net.run({"data": x}, "score")["score"]
    for extension in ("hdf5", "safetensors", "caffemodel"):
        again = Network.load(net.save(tmp_path / f"again.{extension}"))
        np.testing.assert_array_equal(again.run({"data": x}, "score")["score"], expected)
        assert again.labels == ["a", "b", "c", "d"]
        assert isinstance(again.plan, Plan)
