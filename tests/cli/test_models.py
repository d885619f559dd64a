"""The commands on a file of a network: what they print, and their errors in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import small, write_set
from one_sentence import assert_fails
from PIL import Image

from deelish import Deel, GetLabels, Layer, Network, Student
from deelish.cli import main

LABELS = ["tabby cat", "dog", "größe", "x"]


@pytest.fixture
def network() -> Network:
    with Deel(seed=1):
        made = small(labels=LABELS)
        made.untrained.clear()
        yield made


@pytest.fixture
def model(network, tmp_path: Path) -> str:
    """A file of the network."""
    return str(network.save(tmp_path / "mine.hdf5"))


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[str, str]:
    """A net in text and weights for it, of colour images 12 pixels wide."""
    rows = [
        Layer("conv", "Convolution", num_output=3, kernel_size=3),
        Layer("pool", "Pooling", pool="AVE", global_pooling=True),
        Layer("score", "InnerProduct", num_output=4),
    ]
    with Deel():
        made = Network(rows, in_size=12)
        made.save(tmp_path / "net.caffemodel")
    return str(tmp_path / "net.caffemodel"), str(tmp_path / "net.prototxt")


@pytest.fixture
def image(tmp_path: Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return str(tmp_path / "image.png")


def test_show(network, model, capsys) -> None:
    assert main(["show", model]) == 0
    assert capsys.readouterr().out.splitlines() == [
        repr(network),
        *network.summary().splitlines(),
        "pixels: the middle 8 x 8 of 9 x 9, L, minus 0, times 0.00392157",
        "labels: 4",
    ]


def test_show_of_a_caffe_net(foreign, capsys) -> None:
    weights, text = foreign
    given = ["--prototxt", text, "--mean", "1,2.5,3", "--in-size", "16"]
    assert main(["show", weights, *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Network: 3 x 16 x 16 BGR -> 4 classes")
    assert lines[-2:] == [
        "pixels: the middle 16 x 16 of 18 x 18, BGR, minus 1, 2.5, 3, times 1",
        "labels: none",
    ]


def test_show_of_a_net_in_text_alone(foreign, capsys) -> None:
    assert main(["show", foreign[1]]) == 0
    printed = capsys.readouterr().out
    assert "| untrained\n" in printed
    assert "score  InnerProduct  4" in printed


def test_classify(network, model, image, capsys) -> None:
    network.classify(image)
    predictions = GetLabels(top=2)
    assert main(["classify", model, image, "--top", "2"]) == 0
    first, second = predictions
    assert capsys.readouterr().out == (
        f"#1 | {first[0]} | {first[1]:.1%}\n#2 | {second[0]} | {second[1]:.1%}\n"
    )


def test_classify_names_each_of_several_images(model, image, capsys) -> None:
    assert main(["classify", model, image, image]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (1 + len(LABELS))
    assert lines[0] == lines[5] == image
    assert lines[1:5] == lines[6:]


def test_classify_with_labels_and_a_mean_file(foreign, image, tmp_path, capsys) -> None:
    from deelish.formats.caffe.codec import encode
    from deelish.formats.caffe.schema import BLOB

    names = tmp_path / "labels.txt"
    names.write_text("\n".join(LABELS))
    mean = np.full((1, 3, 12, 12), 100, np.float32)
    (tmp_path / "mean.binaryproto").write_bytes(
        encode({"shape": {"dim": list(mean.shape)}, "data": mean.ravel().tolist()}, BLOB)
    )
    weights, text = foreign
    given = ["--prototxt", text, "--labels", str(names)]
    given += ["--mean", str(tmp_path / "mean.binaryproto")]
    assert main(["classify", weights, image, *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "its mean of each channel is taken: (100.0, 100.0, 100.0)" in lines[0]
    assert {line.split(" | ")[1] for line in lines[1:]} == set(LABELS)


def test_convert(model, tmp_path, capsys) -> None:
    target = tmp_path / "new.safetensors"
    assert main(["convert", model, str(target), "--verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "largest difference 0.0e+00 of the largest output (prob)"
    assert lines[1] == f"written: {target}, {target.stat().st_size / 1000:.1f} kB"


def test_convert_to_onnx(foreign, tmp_path, capsys) -> None:
    onnx = pytest.importorskip("onnx.checker") and pytest.importorskip("onnx")
    weights, text = foreign
    target = str(tmp_path / "net.onnx")
    assert main(["convert", weights, target, "--prototxt", text, "--mean", "104,117,123"]) == 0
    notes = {entry.key: entry.value for entry in onnx.load(target).metadata_props}
    assert '"mean": [104.0, 117.0, 123.0]' in notes["preprocessing"]


def test_convert_refused_by_verification(model, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("deelish.network.convert.largest_difference", lambda *_: (0.2, "prob"))
    before = sorted(tmp_path.iterdir())
    assert_fails(
        ["convert", model, str(tmp_path / "b.h5"), "--verify"], "nothing was written", capsys
    )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "none.hdf5"], "none.hdf5: no such file; looked in"),
        (["show", "{model}", "--mean", "1"], "leave mean out"),
        (["show", "{model}", "--mean", "1,two"], "--mean 1,two: give one number a channel, such a"),
        (["show", "{weights}", "--mean", "1,2", "--prototxt", "{text}"], "mean has 2 numbers"),
        (["show", "{weights}", "--in-size", "0", "--prototxt", "{text}"], ""),
        (["show", "{weights}", "--in-size", "2", "--prototxt", "{text}"], "does not fit a side of"),
        (["show", "{weights}", "--prototxt", "none"], "none: no such file; looked in"),
        (["show", "{model}", "--labels", "none.txt"], "labels file none.txt: not found in"),
        (["classify", "{model}", "none.png"], "none.png"),
        (["classify", "{model}", "{image}", "--top", "0"], "--top 0: give a whole number above 0"),
        (
            ["convert", "{model}", "out.pt"],
            "out.pt: networks have the file extensions .hdf5, .h5, .safet",
        ),
        (["convert", "{model}", "{model}"], "mine.hdf5: is read, and would be written over; give"),
        (
            ["convert", "{image}", "out.hdf5"],
            "image.png: networks have the file extensions .hdf5, .h5",
        ),
    ],
)
def test_errors(arguments, sentence, model, foreign, image, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    weights, text = foreign
    before = sorted(tmp_path.iterdir())
    paths = {"model": model, "weights": weights, "text": text, "image": image}
    assert_fails([each.format(**paths) for each in arguments], sentence, capsys)
    assert sorted(tmp_path.iterdir()) == before


@pytest.fixture
def student(tmp_path: Path) -> str:
    """A file of a student that was made by name."""
    pytest.importorskip("timm", reason="timm is not installed")
    with Deel(seed=1):
        made = Student("timm/test_resnet", labels=LABELS, size=32)
        made.untrained.clear()
        return str(made.save(tmp_path / "student.safetensors"))


def test_a_student_is_shown_and_classifies(student, image, capsys):
    assert main(["show", student]) == 0
    printed = capsys.readouterr().out
    assert "test_resnet: 3 x 32 x 32 RGB -> 4 classes" in printed
    assert "labels: 4" in printed
    assert main(["classify", student, image, "--top", "1"]) == 0
    with Deel():
        ((name, _),) = Student.load(student).classify(image).top(1)[0]
    assert f"#1 | {name} |" in capsys.readouterr().out


def test_the_labels_of_a_student_are_replaced(student, tmp_path, image, capsys):
    names = tmp_path / "names.txt"
    names.write_text("one 1\none 2\none 3\none 4\n")
    assert main(["classify", student, image, "--labels", str(names), "--top", "1"]) == 0
    assert "#1 | one " in capsys.readouterr().out
    names.write_text("one\n")
    assert_fails(
        ["show", student, "--labels", str(names)], "names 1 classes, and test_resnet has", capsys
    )


def test_options_of_caffe_do_not_fit_a_student(student, capsys):
    assert_fails(["show", student, "--in-size", "64"], "leave --in-size out", capsys)
    assert_fails(["show", student, "--prototxt", "net.prototxt"], "leave --prototxt out", capsys)


def test_a_student_is_converted(student, tmp_path, capsys):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    target = tmp_path / "student.onnx"
    assert main(["convert", student, str(target), "--verify"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "100.0% of 100 images get the class that the source gives" in lines
    assert lines[-1] == f"written: {target}, {target.stat().st_size / 1e6:.1f} MB"
    assert_fails(
        ["convert", student, str(tmp_path / "student.hdf5")], "which is written as .onnx", capsys
    )


def test_a_student_teaches_and_is_compared(student, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    images = str(write_set(tmp_path, "images", 8))
    assert main(["teach", student, "--images", images, "--views", "centre"]) == 0
    assert "test_resnet" in capsys.readouterr().out
    assert main(["compare", student, student, "--test", images]) == 0
    assert "test_resnet" in capsys.readouterr().out
