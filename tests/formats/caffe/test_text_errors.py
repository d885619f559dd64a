"""Texts and files that are no nets: each ends in one sentence, with file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deelish.errors import CaffeError, MissingFileError
from deelish.formats.caffe.text import parse, read_text


def refusal(text: str | bytes) -> str:
    with pytest.raises(CaffeError) as caught:
        parse(text, "net.prototxt")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\n\nlayer { name: 'c'\nconvolution_param { kernal_size: 3 } }",
            (
                "4: layer 'c': there is no field 'kernal_size' here (convolution_param);"
                " did you mean 'kernel_size' or 'kernel_w' or 'kernel_h'"
            ),
        ),
        ("state { x: 1 }", "1: there is no field 'x' here (state); there is phase, level, stage"),
        (
            "layer {\n lrn_param { alpha: 1\n}\nlayer {",
            "4: there is no field 'layer' here (layer); close what line 1 opens with } first",
        ),
        ("Name: 'x'", "1: there is no field 'Name' here (the net); did you mean 'name'"),
        (
            "layer { [a.b/c.d] { } }",
            (
                "1: '[a.b/c.d]' is an extension or an Any, which no net of Caffe has (layer);"
                " take it out"
            ),
        ),
        ("{", "1: got '{' where a field is wanted (the net); write name: value or name { }"),
        ("5: 1", "1: got '5' where a field is wanted (the net); write name: value or name { }"),
        (
            "input: 'a';;",
            "1: got ';' where a field is wanted (the net); write name: value or name { }",
        ),
        ("layer { } }", "1: got '}', which closes nothing (the net); take it out"),
        (
            "layer {\nname: 'a'\n>",
            "3: layer 'a': got '>' inside what line 1 opens (layer); close it with }",
        ),
        (
            "\nlayer <",
            "2: got the end of the text inside what line 2 opens (layer); close it with >",
        ),
        ("name 'x'", """1: got "'x'" after name (the net); write name: and its value"""),
        ("name: 'a'\nname: 'a'", "2: name is there twice (the net); keep one of the two"),
        ("state {}\nstate {}", "2: state is there twice (the net); keep one of the two"),
        ("state: 1", "1: state expects fields in { }, got '1'"),
        ("state: [{}]", "1: state expects fields in { }, got '['"),
        ("input_dim: [1 2]", "1: the list of input_dim expects , or ], got '2'"),
        ("input_dim: [1,]", "1: input_dim expects a whole number, got ']'"),
        ("input_dim: [1", "1: the list of input_dim expects , or ], got the end of the text"),
        ("input_dim: [[1]]", "1: input_dim expects a whole number, got '['"),
    ],
)
def test_structure_is_refused(text: str, sentence: str) -> None:
    assert refusal(text) == f"net.prototxt:{sentence}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("input_dim: 3pad", "input_dim expects a whole number, got '3pad'"),
        ("input_dim: 08", "input_dim expects a whole number, got '08'"),
        ("input_dim: 0x", "input_dim expects a whole number, got '0x'"),
        ("input_dim: 6.0", "input_dim expects a whole number, got '6.0'"),
        ("input_dim: 1_0", "input_dim expects a whole number, got '1_0'"),
        ("input_dim: 'a'", """input_dim expects a whole number, got "'a'\""""),
        ("input_dim: +1", "got '+' outside quotes; take it out"),
        ("input_dim: --1", "got '-' outside quotes; take it out"),
        ("input_dim: é", "got 'é' outside quotes; take it out"),
        (
            "input_dim: 9223372036854775808",
            (
                "input_dim expects a whole number from -9,223,372,036,854,775,808 to"
                " 9,223,372,036,854,775,807, got '9223372036854775808'"
            ),
        ),
        (
            "layer { lrn_param { local_size: - 1 } }",
            "local_size expects a whole number from 0 to 4,294,967,295, got '-1'",
        ),
        (
            "layer { lrn_param { local_size: 4294967296 } }",
            "local_size expects a whole number from 0 to 4,294,967,295, got '4294967296'",
        ),
        ("layer { lrn_param { alpha: 010 } }", "alpha expects a decimal number, got '010'"),
        ("layer { lrn_param { alpha: 0x1 } }", "alpha expects a decimal number, got '0x1'"),
        ("layer { lrn_param { alpha: 01.5 } }", "alpha expects a decimal number, got '01.5'"),
        ("layer { lrn_param { alpha: 1e } }", "alpha expects a decimal number, got '1e'"),
        ("layer { lrn_param { alpha: 1.2.3 } }", "alpha expects a decimal number, got '1.2.3'"),
        ("layer { lrn_param { alpha: big } }", "alpha expects a decimal number, got 'big'"),
        ("force_backward: yes", "force_backward expects true or false, got 'yes'"),
        ("force_backward: 2", "force_backward expects true or false, got '2'"),
        ("state { phase: TESTING }", "phase expects one of TRAIN, TEST, got 'TESTING'"),
        ("state { phase: 2 }", "phase expects one of TRAIN, TEST, got '2'"),
        ("state { phase: -1 }", "phase expects one of TRAIN, TEST, got '-1'"),
        ("state { phase: 'TEST' }", """phase expects one of TRAIN, TEST, got "'TEST'\""""),
        ("layer { type: RELU }", "type expects text in quotes, got 'RELU'"),
        ("name: -'a'", "got '-' outside quotes; take it out"),
        ("name: 'a\nb'", "text that begins with ' does not end on its line"),
        ('name: "a', 'text that begins with " does not end on its line'),
        ("name: 'C:\\data'", r"there is no escape '\d'; write \\ for " + "\\"),
        ("name: '\\400'", r"there is no escape '\400'; write \\ for " + "\\"),
        ("name: '\\x'", r"there is no escape '\x'; write \\ for " + "\\"),
        ("name: '\\u12'", r"there is no escape '\u'; write \\ for " + "\\"),
        ("name: '\\ud800'", r"there is no escape '\ud800'; write \\ for " + "\\"),
        ("name: '\\U00110000'", r"there is no escape '\U00110000'; write \\ for " + "\\"),
        ("name: '\\377'", "name is text, but not in UTF-8"),
        ("a" * 101, "a word is 101 characters long; the most is 100"),
        ("input_dim: " + "1" * 101, "a number is 101 characters long; the most is 100"),
    ],
)
def test_values_are_refused(text: str, sentence: str) -> None:
    assert refusal(text) == f"net.prototxt:1: {sentence}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty; get it again"),
        (
            b"\n\x04tiny\xa2\x06\x08\n\x04conv",
            (
                "is binary, as a .caffemodel is, not the text of a net; give the .prototxt of a"
                " network, and give a .caffemodel where weights are wanted"
            ),
        ),
        (
            b"\n <!DOCTYPE html><html>",
            "is a web page, not a .prototxt; the download went wrong, get the file again",
        ),
        ("name: 'x'".encode("utf-16"), "is in UTF-16; save it as UTF-8"),
        (
            b"#" * 2**24 + b"\n",
            (
                "has more than 16,777,216 bytes, which no text of a net has; give the .prototxt of"
                " a network"
            ),
        ),
    ],
)
def test_files_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "net.prototxt"
    path.write_bytes(content)
    with pytest.raises(CaffeError) as caught:
        read_text(path)
    assert str(caught.value) == f"{path}: {sentence}"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFileError, match=r"none\.prototxt: no such file; give the \.prototxt"
    ):
        read_text(tmp_path / "none.prototxt")
    with pytest.raises(CaffeError, match=r"is not a file; give the \.prototxt of a network"):
        read_text(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaffeError, match=r"pipe: is not a file; give the \.prototxt of a network"):
        read_text(tmp_path / "pipe")
    with pytest.raises(CaffeError, match="cannot be read"):
        read_text("net\0.prototxt")


def test_a_caffemodel_by_mistake(material: Path) -> None:
    with pytest.raises(CaffeError, match=r"is binary, as a \.caffemodel is"):
        read_text(material / "models" / "bvlc_googlenet.caffemodel")


@pytest.mark.parametrize("before", [0, 2**20 - 1, 2**20, 3 * 2**20 - 2])
def test_other_encodings_are_refused(before: int) -> None:
    comment = b"#" + b"a" * before
    assert parse(comment + "é".encode(), "net.prototxt") == {}
    for wrong in (b"\xe9", b"\xc3", b"\xc3("):
        text = b"\n" + comment + b"\n#" + wrong
        assert refusal(text) == "net.prototxt:3: the text is not in UTF-8; save it so"
    assert refusal("name:\n'\ud800'") == "net.prototxt:2: the text is not in UTF-8; save it so"
