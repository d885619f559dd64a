"""A student in int8: as accurate as in float32, smaller, or missing for a reason."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from comparison.corners import LABELS, corners, known
from one_sentence import refused
from series import classifier
from small_modules import seeded

from deelish import Compare, Deel, InputBatch, Layer, Network, Student, Teacher
from deelish.comparison import int8
from deelish.comparison.images import ImageList
from deelish.errors import DataError, FileError
from deelish.images import read_samples
from deelish.plan.sequence_format import SequenceFormat


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


def test_int8_has_a_neighbour_in_float32_of_the_same_runtime(onnx, sets, teacher, student):
    """By onnxruntime too; PyTorch's time beside it would flatter int8."""
    test, train = sets
    report = Compare(teacher, student, test, train=train)
    for count in (1, 32):
        own, by_onnx = f"ms_{count}", f"onnx_ms_{count}"
        assert report["teacher"][by_onnx] is None
        assert report["student"][by_onnx] > 0
        assert report["student"][by_onnx] != report["student"][own]
        assert report["student int8"][by_onnx] == report["student int8"][own]
    lines = [line for line in repr(report).splitlines() if line.startswith("  by onnxruntime")]
    assert [line.split()[2] for line in lines] == ["-", "-"]
    assert "that of the same network in float32 by onnxruntime" in " ".join(repr(report).split())
    without = Compare(teacher, student, test)
    assert "onnx_ms_1" not in without["student"]
    assert "  by onnxruntime  " not in repr(without)


def test_the_neighbour_is_the_network_that_was_quantised(onnx, sets):
    with Deel(seed=3):
        net = convolutional()
        batches = list(images_of(read_samples(sets[1]), [net.preprocessing]))
        made = int8.Int8(net, batches)
        ours = net.batch_feature(batches[0]).value
        np.testing.assert_allclose(made.float_logits(batches[0]), ours, atol=1e-3)
        assert np.abs(made.logits(batches[0]) - ours).max() > 1e-3


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
    assert len(made.model) == row["file_bytes"] < 0.4 * whole["file_bytes"]
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


def test_export_writes_what_was_measured(onnx, sets, tmp_path):
    """The file, with its labels and pixels: a teacher of it has the logits of the report's row."""
    test, train = sets
    with Deel(seed=3):
        net = convolutional()
        InputBatch(train)
        path = net.export(tmp_path / "small.onnx", int8=True)
        teacher = Teacher(path)
        assert teacher.labels == LABELS
        assert teacher.preprocessing == net.preprocessing
        batch = next(iter(images_of(read_samples(test), [net.preprocessing])))
        images = list(images_of(read_samples(train), [net.preprocessing]))
        expected = int8.Int8(net, images).logits(batch)
        np.testing.assert_array_equal(teacher.batch_feature(batch).value, expected)
        report = Compare(net, net, test, train=train)
        assert report["student int8"]["file_bytes"] == path.stat().st_size
        named = net.export(tmp_path / "named.onnx", int8=train)
        assert named.read_bytes() == path.read_bytes()
        whole = net.export(tmp_path / "whole.onnx")
    assert path.stat().st_size < 0.5 * whole.stat().st_size


def test_a_student_of_a_module_is_exported_in_int8(onnx, sets, tmp_path):
    pytest.importorskip("onnxscript")
    with Deel(seed=3):
        student = Student(seeded(), labels=LABELS, size=8, mean=127, scale=1 / 128)
        path = student.export(tmp_path / "small.onnx", int8=sets[1])
        batch = next(iter(images_of(read_samples(sets[0]), [student.preprocessing])))
        ours, theirs = student.batch_feature(batch).value, Teacher(path).batch_feature(batch).value
    assert np.abs(ours - theirs).max() < 0.05 * np.abs(ours).max()


def test_an_export_in_int8_needs_images(onnx, sets, tmp_path):
    with Deel(seed=3):
        net = convolutional()
        path = tmp_path / "small.onnx"
        refused(
            DataError, "no training images to calibrate on", lambda: net.export(path, int8=True)
        )
        refused(
            DataError,
            "there is no such list or folder; correct the path",
            lambda: net.export(path, int8=tmp_path / "none.txt"),
        )
        InputBatch(sets[1])
        refused(
            FileError, "for other extensions there is save", lambda: net.export("x.bin", int8=True)
        )
        refused(
            DataError,
            "int8= is of networks that see images",
            lambda: classifier(SequenceFormat("numbers", 2)).export(path, int8=True),
        )
    assert not path.exists()
