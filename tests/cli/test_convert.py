"""`deelish convert` for other runtimes: int8, float16, and files that are run before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import small, write_set
from one_sentence import assert_fails

from deelish import Deel
from deelish.cli import main
from deelish.formats.edge.notes import notes_in


@pytest.fixture
def model(tmp_path):
    """A file of a small network whose hidden layer is drawn wide, so that answers differ."""
    with Deel(seed=3):
        network = small(labels=["a", "b", "c", "d"])
        values = network.engine.state(network.module)
        rng = np.random.default_rng(0)
        for layer in ("hidden", "score"):
            values[layer]["weight"][...] = rng.normal(0, 0.3, values[layer]["weight"].shape)
        network.module = network.engine.build(network.plan, values)
        network.untrained.clear()
        return str(network.save(tmp_path / "net.hdf5"))


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return str(write_set(folder, "train", 120))


@pytest.fixture(autouse=True)
def _needs_onnx():
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")


def files(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if path.is_file())


def test_float16_is_verified_on_100_images_of_a_list(model, images, tmp_path, capsys):
    target = tmp_path / "half.onnx"
    given = ["--precision", "float16", "--verify", images]
    assert main(["convert", model, str(target), *given]) == 0
    line, written = capsys.readouterr().out.splitlines()[-2:]
    assert line.startswith("100.0% of 100 images get the class that the source gives; top-1")
    assert written == f"written: {target}, {target.stat().st_size / 1000:.1f} kB"
    assert notes_in(target)["labels"] == '["a", "b", "c", "d"]'
    import onnx

    kinds = {each.data_type for each in onnx.load(target).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert onnx.TensorProto.FLOAT not in kinds


def test_the_loss_of_int8_is_printed_and_written_all_the_same(
    model, images, tmp_path, capsys, monkeypatch
):
    target = tmp_path / "small.onnx"
    monkeypatch.setattr("deelish.language.converting.same_answers", lambda *_: np.arange(100) < 90)
    assert main(["convert", model, str(target), "--int8", images, "--verify", images]) == 0
    line = capsys.readouterr().out.splitlines()[-2]
    assert line.startswith("90.0% of 100 images get the class that the source gives; top-1 acc")
    assert target.exists()


@pytest.mark.parametrize(("given", "largest"), [([], 16), (["--weights", "tensor"], 1)])
def test_weights_have_a_scale_a_channel_or_one_a_layer(model, images, tmp_path, given, largest):
    """The widest layer has 16 channels."""
    import onnx

    target = tmp_path / "small.onnx"
    assert main(["convert", model, str(target), "--int8", images, *given]) == 0
    graph = onnx.load(target).graph
    scales = {each.name: int(np.prod(each.dims)) for each in graph.initializer}
    found = [scales[node.input[1]] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert max(found) == largest


def test_floats_that_give_other_answers_are_not_written(
    model, images, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("deelish.language.converting.same_answers", lambda *_: np.arange(100) < 99)
    before = files(tmp_path)
    assert_fails(
        ["convert", model, tmp_path / "half.onnx", "--precision", "float16", "--verify", images],
        "99.0% of 100 images get the class that the source gives, where 99.9% are needed;"
        " nothing was written",
        capsys,
    )
    assert files(tmp_path) == before


def test_accuracies_are_those_of_the_list(model, images, tmp_path, capsys):
    from deelish import Network

    given = ["--int8", images, "--verify", images]
    assert main(["convert", model, str(tmp_path / "a.onnx"), *given]) == 0
    line = capsys.readouterr().out.splitlines()[-2]
    with Deel():
        network = Network.load(model)
        rows = [text.split() for text in Path(images).read_text().splitlines()]
        picked = [rows[round(index)] for index in np.linspace(0, 119, 100)]
        folder = tmp_path / "images"
        labels = [int(label) for _, label in picked]
        found = [network.classify(folder / name).content.argmax() for name, _ in picked]
    accuracy = np.mean([int(a) == b for a, b in zip(found, labels, strict=True)])
    assert line.endswith(f"of the source {accuracy:.1%}")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["new.hdf5", "--precision", "float16"], "export() writes .onnx, .tflite, .pte"),
        (["new.hdf5", "--int8", "{images}"], "export() writes .onnx, .tflite, .pte"),
        (["new.onnx", "--precision", "half"], "precision='half' is not known; give 'float32' or"),
        (
            ["new.onnx", "--precision", "float16", "--int8", "{images}"],
            "int8 is a precision of its own",
        ),
        (["new.onnx", "--int8", "none.txt"], "none.txt"),
        (["new.onnx", "--precision", "float16", "--verify", "none.txt"], "none.txt"),
        (["nowhere/new.onnx", "--precision", "float16"], "there is no folder"),
        (["new.onnx", "--weights", "tensor"], "weights='tensor'): is of int8; give int8= too"),
        (["new.onnx", "--int8", "{images}", "--weights", "layer"], "weights='layer' is not known"),
        (["new.param", "--int8", "{images}"], "ncnn's packages have no tool for int8"),
    ],
)
def test_mistakes(model, images, tmp_path, monkeypatch, capsys, options, sentence):
    monkeypatch.setattr("deelish.formats.edge.converters.find_spec", lambda name: object())
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    given = [text.replace("{images}", images) for text in options]
    assert_fails(["convert", model, *given], sentence, capsys)
    assert files(tmp_path) == before


def test_what_is_read_is_not_written_over(model, images, tmp_path, capsys):
    (tmp_path / "x.onnx").hardlink_to(model)
    given = ["convert", model, tmp_path / "x.onnx", "--int8", images]
    assert_fails(given, "is read, and would be written over", capsys)
