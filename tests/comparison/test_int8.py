"""A student in int8: as accurate as in float32, smaller, or missing for a reason."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from comparison.corners import LABELS, corners, known

from deelish import Compare, Deel, Layer, Network
from deelish.comparison import int8
from deelish.comparison.images import ImageList
from deelish.images import read_samples


@pytest.fixture
def onnx():
    """Skips where onnx or onnxruntime is not installed."""
    pytest.importorskip("onnx.checker")
    return pytest.importorskip("onnxruntime.quantization")


def convolutional():
    """A network with what quantisation meets: convolutions, batch normalisation, a join."""
    rows = [
        Layer("conv1", "Convolution", num_output=16, kernel_size=3, pad=1),
        Layer("bn1", "BatchNorm"),
        Layer("scale1", "Scale", bias_term=True),
        Layer("relu1", "ReLU"),
        Layer("conv2", "Convolution", num_output=16, kernel_size=3, pad=1),
        Layer("join", "Concat", ["scale1", "conv2"]),
        Layer("drop", "Dropout"),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    return known(Network(rows, name="Convolutional", in_size=16, labels=LABELS))


def test_int8_is_right_where_float_is(onnx, sets):
    test, train = sets
    with Deel():
        net = corners()
        report = Compare(net, net, test, train=train)
    row = report["student int8"]
    assert row["missing"] is None
    assert (row["accuracy"], row["agreement"]) == (1.0, 1.0) == (report["student"]["accuracy"], 1)
    assert row["kl"] < 0.01
    assert row["ms_1"] > 0


def images_of(items, preprocessings=()):
    return ImageList(items, Deel().engine, preprocessings, None, 8)


def test_int8_has_nearly_the_same_logits_in_a_quarter_of_the_bytes(onnx, sets):
    test, train = sets
    with Deel(seed=3):
        net = convolutional()
        batches = list(images_of(read_samples(train), [net.preprocessing]))
        made = int8.Int8(net, batches)
        ours = net.batch_feature(batches[0]).value
        theirs = made.logits(batches[0])
        report = Compare(net, net, test, train=train)
    assert theirs.shape == ours.shape == (8, 4)
    assert np.abs(ours - theirs).max() < 0.05 * np.abs(ours).max()
    assert not np.array_equal(ours, theirs)
    row, whole = report["student int8"], report["student"]
    assert made.file == row["file_bytes"] < 0.4 * whole["file_bytes"]
    assert row["memory_bytes"] * 4 == whole["memory_bytes"]
    assert row["multiply_adds"] == whole["multiply_adds"]
    assert abs(row["accuracy"] - whole["accuracy"]) <= 0.1


def test_it_calibrates_on_training_images_spread_over_the_list(sets):
    items = read_samples(sets[1])
    chosen = images_of(items).some(5).items
    assert [items.index(each) for each in chosen] == [0, 5, 10, 14, 19]
    assert len(images_of(items).some(128).items) == 20


def test_without_training_images_the_row_names_the_reason(sets, teacher, student):
    report = Compare(teacher, student, sets[0])
    row = report["student int8"]
    assert row["missing"] == "int8 needs training images to calibrate on; give train="
    assert {row[key] for key in ("accuracy", "kl", "file_bytes", "memory_bytes", "ms_1")} == {None}
    assert (
        "student int8 is missing: int8 needs training images to calibrate on; give train="
        in repr(report)
    )


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_packages_the_row_names_what_to_install(
    package, sets, teacher, student, monkeypatch
):
    pytest.importorskip("onnx.checker")
    monkeypatch.setitem(sys.modules, package, None)
    row = Compare(teacher, student, sets[0], train=sets[1])["student int8"]
    assert f'the package {package}; run `pip install "deelish[onnx]"`' in row["missing"]


def test_a_layer_without_a_counterpart_is_named(onnx, sets, monkeypatch):
    test, train = sets
    monkeypatch.delitem(sys.modules["deelish.formats.onnx.layers"].NODES, "InnerProduct")
    with Deel():
        net = corners()
        row = Compare(net, net, test, train=train)["student int8"]
    assert row["missing"].startswith("layer 'score' (InnerProduct): ONNX has no operator for it")


def test_an_error_of_onnxruntime_becomes_one_sentence(onnx, sets, teacher, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no such operator\nand a long trace")

    monkeypatch.setattr(onnx, "quantize_static", refuse)
    row = Compare(teacher, teacher, sets[0], train=sets[1])["student int8"]
    assert row["missing"] == "Teacher: onnxruntime cannot quantise it (no such operator)"
