"""Caffe's text format: each element of its syntax."""

from __future__ import annotations

import math
from typing import Any

import pytest

from deelish.formats.caffe.prototxt import quoted
from deelish.formats.caffe.schema import LAYER
from deelish.formats.caffe.text import parse


def layer_of(text: str) -> dict[str, Any]:
    (layer,) = parse(f"layer {{ {text} }}", "net.prototxt")["layer"]
    return layer


def pooling(text: str) -> dict[str, Any]:
    return layer_of(f"pooling_param {{ {text} }}")["pooling_param"]


@pytest.mark.parametrize(
    ("text", "net"),
    [
        ("", {}),
        (" \t\r\v\f\n# only a comment", {}),
        ("\ufeffname: 'x'", {"name": "x"}),
        ("name: 'x' # comment\n# another 'one' {\ninput: 'a'", {"name": "x", "input": ["a"]}),
        ("name:'x'input:'a'input:'b'", {"name": "x", "input": ["a", "b"]}),
        ("name: 'x', input: 'a'; input: 'b',", {"name": "x", "input": ["a", "b"]}),
        ("state { level: 1 }", {"state": {"level": 1}}),
        ("state: { level: 1 }", {"state": {"level": 1}}),
        ("state < level: 1 >", {"state": {"level": 1}}),
        ("state: <level:1>;", {"state": {"level": 1}}),
        ("state { }", {"state": {}}),
        ("input_dim: [1, 2] input_dim: 3", {"input_dim": [1, 2, 3]}),
        ("input_dim: [] input: 'a'", {"input": ["a"]}),
        ("input_shape: [{ dim: 1 }, < dim: [2] >]", {"input_shape": [{"dim": [1]}, {"dim": [2]}]}),
        ("input_shape [{}]", {"input_shape": [{}]}),
        (b"name: 'Gr\xc3\xb6\xc3\x9fe' # \xc3\xa9", {"name": "Größe"}),
    ],
)
def test_structure(text: str | bytes, net: dict[str, Any]) -> None:
    assert parse(text, "net.prototxt") == net


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"it is \"so\""', 'it is "so"'),
        (r"'it\'s \"so\"'", 'it\'s "so"'),
        ("""'a "b" c'""", 'a "b" c'),
        (r"'\n\r\t\a\b\f\v\\\?'", "\n\r\t\a\b\f\v\\?"),
        (r"'\101\60\0012\303\251'", "A0\0012é"),
        (r"'p\x31\x4G\xc3\xA9\X41'", "p1\x04GéA"),
        (r"'\u00e9\uD83D\uDE00\U0001f600'", "é😀😀"),
        ("'a' \"b\"\n # c\n 'd'", "abd"),
        (r"'\303' '\251'", "é"),
        ("''", ""),
        ("'# no comment { '", "# no comment { "),
        ("'tab\there'", "tab\there"),
    ],
)
def test_strings(text: str, value: str) -> None:
    assert parse(f"name: {text}", "net.prototxt") == {"name": value}


@pytest.mark.parametrize("text", ["conv1/7x7_s2", 'say "yes"', "a\\b\n\t\r\x01" + "2", "Größe 😀"])
def test_what_deelish_writes_comes_back(text: str) -> None:
    assert parse(f"name: {quoted(text)}", "net.prototxt") == {"name": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("42", 42),
        ("-42", -42),
        ("- # comment\n 42", -42),
        ("0x1F", 31),
        ("-0Xa", -10),
        ("010", 8),
        ("-017", -15),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_whole_numbers(text: str, value: int) -> None:
    assert parse(f"input_dim: {text}", "net.prototxt") == {"input_dim": [value]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-2", -2.0),
        ("0.1", 0.1),
        (".4", 0.4),
        ("-.4f", -0.4),
        ("5.", 5.0),
        ("5.e-1F", 0.5),
        ("2E+3", 2000.0),
        ("1f", 1.0),
        ("0f", 0.0),
        # As float32: the nearest even, the largest and what rounds to it, no more, and too little.
        ("16777217", 16777216.0),
        ("3.402823567797336e38", 3.4028235e38),
        ("3.4028235677973366e38", math.inf),
        ("-1e400", -math.inf),
        ("1e-50", 0.0),
        ("inf", math.inf),
        ("-INF", -math.inf),
        ("Infinity", math.inf),
        ("- infinity", -math.inf),
    ],
)
def test_floats(text: str, value: float) -> None:
    found = layer_of(f"lrn_param {{ alpha: {text} }}")["lrn_param"]
    assert found == {"alpha": value}
    assert isinstance(found["alpha"], float)


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_no_number(text: str) -> None:
    assert math.isnan(layer_of(f"lrn_param {{ alpha: {text} }}")["lrn_param"]["alpha"])


@pytest.mark.parametrize(
    ("words", "value"), [("true True t 1 0x1 01", True), ("false False f 0", False)]
)
def test_booleans(words: str, value: bool) -> None:
    for word in words.split():
        assert parse(f"force_backward: {word}", "net.prototxt")["force_backward"] is value


def test_words_and_their_numbers() -> None:
    assert pooling("pool: AVE round_mode: 1") == {"pool": "AVE", "round_mode": "FLOOR"}
    assert layer_of("phase: 0x1 include { phase: TRAIN }") == {
        "phase": "TEST",
        "include": [{"phase": "TRAIN"}],
        "line": 1,
    }


def test_types_of_v1() -> None:
    layers = parse("layers { type: INNER_PRODUCT } layers { type: 21 }", "net.prototxt")["layers"]
    assert [layer["type"] for layer in layers] == ["INNER_PRODUCT", "SOFTMAX_LOSS"]
    words = """
        NONE ACCURACY BNLL CONCAT CONVOLUTION DATA DROPOUT EUCLIDEAN_LOSS FLATTEN HDF5_DATA
        HDF5_OUTPUT IM2COL IMAGE_DATA INFOGAIN_LOSS INNER_PRODUCT LRN MULTINOMIAL_LOGISTIC_LOSS
        POOLING RELU SIGMOID SOFTMAX SOFTMAX_LOSS SPLIT TANH WINDOW_DATA ELTWISE POWER
        SIGMOID_CROSS_ENTROPY_LOSS HINGE_LOSS MEMORY_DATA ARGMAX THRESHOLD DUMMY_DATA SLICE MVN
        ABSVAL SILENCE CONTRASTIVE_LOSS EXP DECONVOLUTION
    """
    for number, word in enumerate(words.split()):
        text = f"layers {{ type: {word} }} layers {{ type: {number} }}"
        found = parse(text, "net.prototxt")["layers"]
        assert [layer["type"] for layer in found] == [word, word]


def test_blobs_in_text() -> None:
    text = "blobs { shape { dim: [2, 1] } data: [.1, -2] data: 3 } blobs { double_data: 1e-3 }"
    assert layer_of(text)["blobs"] == [
        {"shape": {"dim": [2, 1]}, "data": [0.1, -2.0, 3.0]},
        {"double_data": [0.001]},
    ]
    many = parse(f"blobs {{ data: [{'0.5,' * 20_000}1] }}", "net.prototxt", LAYER)
    assert len(many["blobs"][0]["data"]) == 20_001


def test_each_layer_knows_its_line() -> None:
    text = "name: 'x'\n\nlayer {\n name: 'a' }\nlayers\n<\nlayer { name: 'old' } > # {\nlayer {}"
    net = parse(text, "net.prototxt")
    assert [layer["line"] for layer in net["layer"]] == [3, 8]
    assert net["layers"] == [{"line": 6, "layer": {"name": "old"}}]
