"""Notes in files of small devices: any zip tool reads them, and damaged ones are refused."""

from __future__ import annotations

import json
import subprocess
import zipfile

import pytest

from deelish.errors import FileError
from deelish.formats.edge.notes import appended, json_of, notes_in

NOTES = {
    "deelish": "0.1",
    "preprocessing": json.dumps({"size": 8}),
    "labels": json.dumps(["cat", "Käse"]),
    "logits": "logits",
}
XML = '<net name="x"><layers><layer><rt_info><deelish><bad value="1"/></deelish></rt_info></layer>'
XML += '</layers><rt_info><deelish><logits value="logits"/><labels value="[&quot;a&quot;]"/>'
XML += '</deelish><other><logits value="no"/></other></rt_info></net>'


@pytest.mark.parametrize("extension", [".tflite", ".pte"])
def test_notes_are_a_zip_after_the_model(tmp_path, extension):
    path = tmp_path / f"x{extension}"
    path.write_bytes(appended(b"\x1c\0\0\0TFL3 model", NOTES))
    assert path.read_bytes().startswith(b"\x1c\0\0\0TFL3 model")
    assert notes_in(path) == NOTES
    listed = zipfile.ZipFile(path)
    assert listed.testzip() is None
    assert listed.read("labels.txt").decode() == "cat\nKäse\n"


def test_the_same_notes_make_the_same_file():
    assert appended(b"model", NOTES) == appended(b"model", NOTES)


def test_notes_beside_a_param(tmp_path):
    path = tmp_path / "x.param"
    path.write_text("7767517\n")
    assert notes_in(path) == {}
    (tmp_path / "x.json").write_bytes(json_of(NOTES))
    assert notes_in(path) == NOTES


def test_notes_of_openvino_are_those_of_the_model_and_not_of_its_layers(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text(XML)
    assert notes_in(path) == {"logits": "logits", "labels": '["a"]'}


def test_notes_of_an_onnx_are_read_without_its_package(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    model = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(model, NOTES)
    path = tmp_path / "x.onnx"
    path.write_bytes(model.SerializeToString())
    code = "import sys; sys.modules['onnx'] = None\nfrom pathlib import Path\n"
    code += "from deelish.formats.edge.notes import notes_in\nimport json\n"
    code += f"print(json.dumps(notes_in(Path({str(path)!r}))))"
    import sys

    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(made.stdout) == NOTES


@pytest.mark.parametrize("extension", [".tflite", ".pte"])
def test_a_file_of_another_program_has_none(tmp_path, extension):
    path = tmp_path / f"x{extension}"
    path.write_bytes(b"TFL3" * 30)
    assert notes_in(path) == {}


def _zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deelish.json", b'"' + b"0" * (64 << 20) + b'"')


def _cut(path):
    content = appended(b"model", NOTES)
    path.write_bytes(content.replace(b'"deelish": "0.1"', b'"deelish": "0.2"'))


def _no_texts(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deelish.json", '{"labels": 3}')


@pytest.mark.parametrize("made", [_zip_bomb, _cut, _no_texts])
def test_damaged_notes_are_refused_in_one_sentence(tmp_path, made):
    path = tmp_path / "x.tflite"
    made(path)
    with pytest.raises(FileError, match="deelish's notes in it are damaged") as caught:
        notes_in(path)
    assert "\n" not in str(caught.value)
    assert "export it again" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.xml", b"<net><rt_info>"),
        ("x.xml", b""),
        ("x.onnx", b"\x72\xff\xff\xff\xff\xff"),
        ("x.onnx", b""),
    ],
)
def test_cut_files_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match="damaged"):
        notes_in(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"x\.tflite: is not there"):
        notes_in(tmp_path / "x.tflite")
    with pytest.raises(FileError, match=r"x\.txt: holds no notes; give one of \.onnx, \.tflite"):
        notes_in(tmp_path / "x.txt")
