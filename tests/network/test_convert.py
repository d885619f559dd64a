"""Conversion of network files: complete, verified, and without a trace where it is refused."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import small

from deelish import Deel, Layer, Network, Plan
from deelish.errors import CaffeError, DataError, FileError, PlanError
from deelish.formats.caffe.write import caffemodel_bytes
from deelish.language.caffenet import CaffeNet
from deelish.network.convert import convert
from deelish.network.opening import open_parts
from deelish.network.verify import inputs_for

EXTENSIONS = [".hdf5", ".h5", ".safetensors", ".caffemodel"]
LABELS = ["tabby cat", "dog", "größe", "x"]


@pytest.fixture(autouse=True)
def _session():
    with Deel(seed=1):
        yield


@pytest.fixture
def network() -> Network:
    """A network of four classes that has all its weights."""
    made = small(labels=LABELS)
    made.untrained.clear()
    return made


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A .caffemodel as Caffe writes it: the net inside, and no note of deelish."""
    rows = [
        Layer("conv", "Convolution", num_output=3, kernel_size=3),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    made = Network(Plan(rows, {"data": (1, 3, 8, 8)}, "Foreign"))
    values = made.engine.state(made.module)
    path = tmp_path / "foreign.caffemodel"
    path.write_bytes(caffemodel_bytes(made.plan, values))
    return path


def caffes_hdf5(path: Path, weights: Path) -> Path:
    """The same weights as Caffe's HDF5 holds them."""
    import h5py

    from deelish.formats.caffe.read import read_net, weights_of

    with h5py.File(path, "w") as file:
        for layer, blobs in weights_of(read_net(weights)).items():
            for index, blob in enumerate(blobs):
                file[f"data/{layer}/{index}"] = blob
    return path


@pytest.mark.parametrize("second", EXTENSIONS)
@pytest.mark.parametrize("first", EXTENSIONS)
def test_formats_of_deelish_into_each_other(network, tmp_path, capsys, first, second):
    source = network.save(tmp_path / f"first{first}")
    target = convert(source, tmp_path / f"second{second}", verify=True)
    again = Network.load(target)
    assert again.labels == LABELS
    assert again.preprocessing == network.preprocessing
    inputs = inputs_for(network)
    assert np.array_equal(network.run(inputs)["prob"], again.run(inputs)["prob"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "largest difference 0.0e+00 of the largest output (prob)"
    assert printed[1].startswith(f"written: {target}, ")


def test_a_caffemodel_is_written_with_its_prototxt(network, tmp_path, capsys):
    source = network.save(tmp_path / "first.hdf5")
    convert(source, tmp_path / "second.caffemodel")
    text = tmp_path / "second.prototxt"
    size = f"{text.stat().st_size / 1000:.1f} kB"
    assert capsys.readouterr().out.splitlines()[-1] == f"written: {text}, {size}"
    other = CaffeNet(tmp_path / "second.caffemodel", text)
    inputs = inputs_for(network)
    assert np.array_equal(network.run(inputs)["prob"], other.run(inputs)["prob"])


def test_onnx_is_verified_by_another_program(foreign, tmp_path, capsys):
    pytest.importorskip("onnx.checker")
    pytest.importorskip("onnxruntime")
    target = convert(foreign, tmp_path / "net.onnx", verify=True, mean=(1.0, 2.0, 3.0))
    printed = capsys.readouterr().out.splitlines()
    assert float(printed[0].split()[2]) < 1e-5
    assert printed[1] == f"written: {target}, {target.stat().st_size / 1000:.1f} kB"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign.caffemodel", "net.onnx"]


def test_notices_of_the_reader_are_printed(foreign, tmp_path, capsys):
    convert(foreign, tmp_path / "net.hdf5")
    assert "the file does not state its mean" in capsys.readouterr().out


def test_labels_and_mean_go_into_the_new_file(foreign, tmp_path):
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(LABELS))
    convert(foreign, tmp_path / "net.hdf5", labels=names, mean=(1.0, 2.0, 3.0))
    again = Network.load(tmp_path / "net.hdf5")
    assert again.labels == LABELS
    assert again.preprocessing.mean == (1.0, 2.0, 3.0)


def test_weights_of_caffes_hdf5_need_their_net(foreign, tmp_path):
    text = tmp_path / "net.prototxt"
    convert(foreign, tmp_path / "net.caffemodel")
    weights = caffes_hdf5(tmp_path / "weights.caffemodel.h5", foreign)
    with pytest.raises(FileError, match=r"weights.caffemodel.h5: holds weights of Caffe without t"):
        convert(weights, tmp_path / "out.hdf5")
    convert(weights, tmp_path / "out.hdf5", text, mean=(0.0,))
    ours, theirs = CaffeNet(foreign), Network.load(tmp_path / "out.hdf5")
    inputs = inputs_for(ours)
    assert np.array_equal(ours.run(inputs)["prob"], theirs.run(inputs)["prob"])


def test_a_caffemodel_of_deelish_opens_with_all_its_contents(network, tmp_path):
    path = network.save(tmp_path / "mine.caffemodel")
    assert open_parts(path).labels == LABELS
    assert open_parts(path).preprocessing == network.preprocessing
    # Beside a text net it counts as a file of Caffe.
    assert open_parts(path, tmp_path / "mine.prototxt").labels is None


def untouched(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("extension", [".hdf5", ".caffemodel"])
def test_a_file_with_other_outputs_is_not_written(network, tmp_path, monkeypatch, extension):
    source = network.save(tmp_path / "first.safetensors")
    (tmp_path / f"second{extension}").write_text("what was there")
    before = untouched(tmp_path)
    monkeypatch.setattr("deelish.network.convert.largest_difference", lambda *_: (0.03, "prob"))
    with pytest.raises(
        FileError,
        match=rf"second{extension}: would give other outputs than .*first.safetensors, largest"
        r" difference 3.0e-02 of the largest output \(prob\), where 1e-04 is allowed; nothing"
        r" was written$",
    ):
        convert(source, tmp_path / f"second{extension}", verify=True)
    assert untouched(tmp_path) == before


@pytest.mark.parametrize("second", ["mine.hdf5", "./mine.hdf5", "link.hdf5"])
def test_a_file_is_not_written_over_itself(network, tmp_path, second, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network.save(tmp_path / "mine.hdf5")
    (tmp_path / "link.hdf5").symlink_to(tmp_path / "mine.hdf5")
    before = untouched(tmp_path)
    with pytest.raises(FileError, match=r"hdf5: is read, and would be written over; give the targ"):
        convert("mine.hdf5", second)
    assert untouched(tmp_path) == before


def test_the_net_in_text_is_not_written_over_either(foreign, tmp_path):
    text = tmp_path / "net.prototxt"
    convert(foreign, tmp_path / "net.caffemodel")
    before = untouched(tmp_path)
    with pytest.raises(FileError, match=r"net.prototxt: is read, and would be written over; give"):
        convert(foreign, tmp_path / "net.caffemodel", text)
    assert untouched(tmp_path) == before


def test_extensions_are_checked_before_anything_is_read(tmp_path):
    (tmp_path / "a.hdf5").write_bytes(b"no HDF5")
    listed = (
        r"networks have the file extensions .hdf5, .h5, .safetensors, .caffemodel, .npz, .onnx;"
    )
    with pytest.raises(FileError, match=rf"b.pt: {listed}"):
        convert(tmp_path / "a.hdf5", tmp_path / "b.pt")
    (tmp_path / "a.pt").write_bytes(b"x")
    with pytest.raises(FileError, match=rf"a.pt: {listed}"):
        convert(tmp_path / "a.pt", tmp_path / "b.hdf5")
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(FileError, match=r"a.onnx: deelish writes .onnx and does not read it"):
        convert(tmp_path / "a.onnx", tmp_path / "b.hdf5")


@pytest.mark.parametrize("verify", [False, True])
def test_a_missing_folder_is_refused(network, tmp_path, verify):
    source = network.save(tmp_path / "mine.hdf5")
    with pytest.raises(FileError, match=r"a.h5: there is no folder .*nowhere; make it first"):
        convert(source, tmp_path / "nowhere" / "a.h5", verify=verify)


def test_a_full_disk_leaves_the_old_file(network, tmp_path, monkeypatch):
    source = network.save(tmp_path / "mine.hdf5")
    (tmp_path / "a.caffemodel").write_text("what was there")
    before = untouched(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"):
        convert(source, tmp_path / "a.caffemodel", verify=True)
    assert untouched(tmp_path) == before


@pytest.mark.parametrize("option", [{"in_size": 9}, {"mean": (1.0,)}])
def test_options_that_a_file_of_deelish_holds_are_refused(network, tmp_path, option):
    path = network.save(tmp_path / "mine.hdf5")
    with pytest.raises(FileError, match=f"deelish wrote it, .*; leave {next(iter(option))} out"):
        open_parts(path, **option)


def test_labels_must_be_as_many_as_the_outputs(network, tmp_path):
    path = network.save(tmp_path / "mine.hdf5")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(
        DataError, match=r"labels.txt: names 2 classes, and Small has 4 outputs; gi"
    ):
        open_parts(path, labels=tmp_path / "labels.txt")


def test_missing_and_nonfinite_weights_need_an_option(foreign, tmp_path):
    rows = [*CaffeNet(foreign).plan.layers[:2], Layer("more", "InnerProduct", num_output=4)]
    made = Network(Plan(rows, {"data": (1, 3, 8, 8)}, "More"))
    made.save(tmp_path / "more.caffemodel")
    given = (foreign, tmp_path / "out.hdf5", tmp_path / "more.prototxt")
    with pytest.raises(FileError, match=r"layer 'more' \(InnerProduct\): missing in the file"):
        convert(*given)
    convert(*given, allow_missing=True)
    assert Network.load(tmp_path / "out.hdf5").untrained == {"more"}


def test_a_network_without_an_onnx_form_leaves_no_file(tmp_path):
    pytest.importorskip("onnx.checker")
    rows = [Layer("memory", "LSTM", ["x", "cont"], num_output=4)]
    made = Network(Plan(rows, {"x": (3, 2, 5), "cont": (3, 2)}))
    source = made.save(tmp_path / "mine.hdf5")
    for verify in (False, True):
        with pytest.raises(PlanError, match=r"layer 'memory' \(LSTM\): begins new sequences"):
            convert(source, tmp_path / "mine.onnx", verify=verify)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.hdf5"]


def test_verification_without_onnxruntime_is_refused_first(tmp_path, monkeypatch):
    (tmp_path / "mine.hdf5").write_bytes(b"which would be refused next")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FileError, match=r'needs the package onnxruntime; run `pip install "deelis'):
        convert(tmp_path / "mine.hdf5", tmp_path / "mine.onnx", verify=True)


def test_a_damaged_source_is_refused_by_name(network, tmp_path):
    path = network.save(tmp_path / "mine.caffemodel")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises((CaffeError, FileError), match=r"mine.caffemodel"):
        convert(path, tmp_path / "out.hdf5")
    assert not (tmp_path / "out.hdf5").exists()


def test_googlenet_of_2014_becomes_onnx(material, tmp_path, capsys):
    pytest.importorskip("onnx.checker")
    pytest.importorskip("onnxruntime")
    model = material / "models" / "bvlc_googlenet.caffemodel"
    if not model.is_file():
        pytest.skip("models/bvlc_googlenet.caffemodel is not in the shared material")
    convert(model, tmp_path / "googlenet.onnx", verify=True)
    assert "(prob)\nwritten:" in capsys.readouterr().out
