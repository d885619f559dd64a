"""A student as .onnx: any batch size, what is noted in it, silence, and what cannot be exported."""

import json
import sys
import warnings

import numpy as np
import pytest
import torch
from small_modules import PIXELS, photographs, seeded, student
from torch import nn

from deelish import Student, Teacher
from deelish.errors import FileError
from deelish.formats.onnx import module_file

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytest.importorskip("onnxscript", reason="onnxscript is not installed")


def run(path, values):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"data": values})[0]


def test_any_number_of_images_gives_the_modules_logits(session, tmp_path):
    made = student()
    path = made.export(tmp_path / "student.onnx")
    for count in (1, 2, 7):
        values = np.random.default_rng(0).random((count, 3, 8, 8), np.float32)
        with torch.no_grad():
            expected = made.module.module(torch.from_numpy(values)).numpy()
        assert np.abs(run(path, values) - expected).max() < 1e-5 * np.abs(expected).max()


def test_labels_and_preprocessing_are_noted_and_a_teacher_reads_them(session, tmp_path):
    made = Student(seeded(), labels=["a", "b", "c", "d"], **PIXELS)
    path = made.export(tmp_path / "student.onnx")
    notes = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(notes["labels"]) == ["a", "b", "c", "d"]
    assert json.loads(notes["preprocessing"])["size"] == 8
    assert notes["logits"] == "logits"
    teacher = Teacher(path)
    assert (teacher.labels, teacher.preprocessing) == (made.labels, made.preprocessing)
    images = photographs(3)
    assert np.allclose(teacher.classify(images).value, made.classify(images).value, atol=1e-5)


def test_it_writes_no_line_and_warns_of_nothing_and_changes_nothing(session, tmp_path, capfd):
    made = student(dropout=0.5)
    before = {name: value.clone() for name, value in made.module.module.state_dict().items()}
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made.export(tmp_path / "student.onnx")
    assert (*capfd.readouterr(), caught) == ("", "", [])
    after = made.module.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(value.requires_grad for value in made.module.module.parameters())
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]


class Changed(nn.Module):
    """A linear layer of which `change` makes the logits."""

    def __init__(self, change):
        super().__init__()
        self.score, self.change = nn.Linear(192, 4), change

    def forward(self, x):
        return self.change(self.score(x.flatten(1)))


def test_a_module_that_looks_at_the_batch_is_exported_as_it_is(session, tmp_path):
    made = Student(Changed(lambda logits: logits - logits.mean(0)), **PIXELS)
    values = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    with torch.no_grad():
        expected = made.module.module(torch.from_numpy(values)).numpy()
    path = made.export(tmp_path / "student.onnx")
    assert np.allclose(run(path, values), expected, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda logits: logits * (2 if len(logits) == 2 else 3),
        lambda logits: logits if logits.sum() > 1 else logits * 2,
        lambda logits: logits.reshape(2, -1, 4).flatten(0, 1),
    ],
    ids=["two images only", "a choice by value", "pairs"],
)
def test_what_cannot_be_exported_is_one_sentence_and_leaves_no_file(
    session, tmp_path, capfd, change
):
    made = Student(Changed(change), **PIXELS)
    old = tmp_path / "student.onnx"
    old.write_bytes(b"old")
    capfd.readouterr()
    with pytest.raises(FileError) as raised:
        made.export(old)
    assert capfd.readouterr() == ("", "")
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith("write .safetensors")
    assert old.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["student.onnx"]


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_without_a_package_the_command_is_given(session, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        FileError, match=rf"the package {package}; run `pip install \"deelish\[onnx\]"
    ):
        student().export(tmp_path / "student.onnx")
    assert not list(tmp_path.iterdir())


def test_more_weights_than_a_file_holds_are_refused(session, tmp_path, monkeypatch):
    monkeypatch.setattr(module_file, "MOST_BYTES", 1000)
    with pytest.raises(FileError, match=r"Small is too large for one \.onnx"):
        student().export(tmp_path / "student.onnx")


@pytest.mark.long
def test_attention_that_is_exported_in_single_steps_is_fused_again(session, tmp_path, monkeypatch):
    pytest.importorskip("timm", reason="timm is not installed")
    made = Student("timm/vit_tiny_patch16_224", labels=3, size=32)
    from deelish.engines.torch import onnx_export

    program, seen = onnx_export._program, []
    flags = lambda: [block.attn.fused_attn for block in made.module.module.blocks]  # noqa: E731

    def fails_when_fused(*args):
        seen.append(flags())
        if flags()[0]:
            raise RuntimeError("only 4D query, key, and value are supported")
        return program(*args)

    monkeypatch.setattr(onnx_export, "_program", fails_when_fused)
    made.export(tmp_path / "student.onnx")
    assert seen == [[True] * 12, [False] * 12]
    assert flags() == [True] * 12
