"""What no ONNX model is written for, in one sentence and before anything is written."""

import os
import subprocess
import sys

import pytest
from helpers import forget

from deelish import Layer
from deelish.errors import FileError, PlanError
from deelish.formats.onnx.layers import NODES
from deelish.language.register import register_layer

pytest.importorskip("onnx.checker")


def refused(network, tmp_path, error, sentence):
    """Refused with this sentence, nothing written."""
    with pytest.raises(error, match=sentence):
        network.export(tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_kinds_without_a_counterpart_are_refused_by_name(network, tmp_path):
    rows = [Layer("memory", "LSTM", ["x", "cont"], num_output=4)]
    made = network(rows, x=(3, 2, 5), cont=(3, 2))
    refused(
        made,
        tmp_path,
        PlanError,
        r"^layer 'memory' \(LSTM\): begins new sequences where its cont is 0, or has further"
        r" inputs, which ONNX's does not; feed it by ImageToSequence, or write the network as"
        r" .hdf5 or .safetensors$",
    )


def test_a_kind_of_the_users_own_is_refused(network, tmp_path):
    register_layer("Twofold", lambda x, p, a, c: 2 * x[0])
    try:
        made = network([Layer("two", "Twofold")], data=(2, 5))
        refused(made, tmp_path, PlanError, r"layer 'two' \(Twofold\): ONNX has no operator for it")
    finally:
        forget("Twofold")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (
            Layer("pool", "Pooling", "data", ["pool", "mask"], kernel_size=1, stride=3),
            r"layer 'pool' \(Pooling\): has windows outside the image, whose maximum ONNX finds",
        ),
        (
            Layer("noise", "DummyData", shape=[[2, 3]], data_filler=["xavier"]),
            r"layer 'noise' \(DummyData\): is filled with random numbers; a model of ONNX takes",
        ),
    ],
)
def test_what_a_kind_cannot_do_is_refused(network, tmp_path, row, what):
    refused(network([row], data=(2, 3, 6, 6)), tmp_path, PlanError, what)


def test_a_network_of_losses_alone_is_refused(network, tmp_path):
    made = network([Layer("loss", "EuclideanLoss", ["x", "y"])], x=(2, 5), y=(2, 5))
    refused(made, tmp_path, PlanError, "Small: makes nothing but losses; add a layer that needs")


def test_more_weights_than_a_file_holds_are_refused(classifier, tmp_path, monkeypatch):
    monkeypatch.setattr("deelish.formats.onnx.proto.MOST_BYTES", 800)
    refused(classifier, tmp_path, FileError, r"Mine: its weights are 0.0 GiB, and an .onnx file ho")


def test_a_model_that_onnx_refuses_is_not_written(classifier, tmp_path, monkeypatch):
    monkeypatch.setitem(NODES, "ReLU", lambda x, a, c: c.node("NoSuchOperator", x[0]))
    refused(classifier, tmp_path, PlanError, r"Mine: onnx refuses the model \(.*\); write .safe")


def test_without_the_package_the_cure_is_named(classifier, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(
        classifier,
        tmp_path,
        FileError,
        r'^Mine: writing .onnx needs the package onnx; run `pip install "deelish\[onnx\]"`$',
    )


def test_export_writes_onnx_alone(classifier, tmp_path):
    with pytest.raises(
        FileError, match=r"a.hdf5: export\(\) writes .onnx, .*; for other extensions "
    ):
        classifier.export(tmp_path / "a.hdf5")
    with pytest.raises(FileError, match=r"a.onnx: cannot be written .*give a folder that exists"):
        classifier.export(tmp_path / "nowhere" / "a.onnx")


def test_a_failed_write_leaves_the_old_file(classifier, tmp_path, monkeypatch):
    path = classifier.export(tmp_path / "mine.onnx")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"mine.onnx: cannot be written \(No space left on device"):
        classifier.export(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


def test_deelish_alone_imports_no_onnx():
    code = "import sys, deelish; print('onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
