"""What files call their layers does not break the sentences that refuse them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.codec import encode
from deelish.formats.caffe.network import NetOptions, open_net
from deelish.formats.caffe.read import read_definition, read_net
from deelish.formats.caffe.rows import rows_of
from deelish.formats.caffe.schema import NET
from deelish.formats.match import Allowed

INPUT = "input: 'd' input_shape { dim: 1 dim: 3 }\n"


def refusal(path: Path, content: str | bytes) -> str:
    """The sentence that refuses a net, text or binary."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CaffeError, match=re.escape(str(path))) as caught:
        rows_of((read_net if isinstance(content, bytes) else read_definition)(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [("lr_mult: nan", "lr_mult is nan"), ("decay_mult: -inf", "decay_mult is -i")],
)
def test_a_rate_that_is_no_number_names_file_and_line(
    tmp_path: Path, spec: str, words: str
) -> None:
    text = INPUT + f"layer {{ name: 'x' type: 'Bias' bottom: 'd' top: 'x' param {{ {spec} }} }}"
    sentence = refusal(tmp_path / "net.prototxt", text)
    assert f"net.prototxt:2: layer 'x' (Bias): {words}" in sentence


def test_control_characters_in_a_type_are_shown_as_escapes(tmp_path: Path) -> None:
    row = {"name": "x", "type": "Re\nLU\x1b[2J", "bottom": ["d"], "top": ["x"]}
    sentence = refusal(tmp_path / "net.caffemodel", encode({"layer": [row]}, NET))
    assert r"layer 'x' ('Re\nLU\x1b[2J'): deelish does not know the type" in sentence


def test_control_characters_in_the_names_of_layers_before(tmp_path: Path) -> None:
    rows = r"layer { name: 'a\n' type: 'ReLU' bottom: 'd' top: 'a' } layer { name: 'b' type: 'B' }"
    sentence = refusal(tmp_path / "net.prototxt", INPUT + rows)
    assert sentence.endswith(r"layers read so far: 'a\n (ReLU)'")


def test_control_characters_in_an_old_type(tmp_path: Path) -> None:
    pad = {"layer": {"name": "p", "type": "padding"}, "bottom": ["d"], "top": ["p"]}
    odd = {"layer": {"name": "x", "type": "po\rol"}, "bottom": ["p"], "top": ["x"]}
    content = encode({"input": ["d"], "input_dim": [1, 3, 8, 8], "layers": [pad, odd]}, NET)
    sentence = refusal(tmp_path / "net.caffemodel", content)
    assert r"a 'po\rol' with 1 bottoms reads the padding of layer 'p'" in sentence


def test_of_many_names_the_last_are_shown(tmp_path: Path) -> None:
    row = "layer {{ name: 'n{0}' type: 'ReLU' bottom: 'd' top: 'n{0}' }} "
    rows = "".join(map(row.format, range(104)))
    path = tmp_path / "net.prototxt"
    shown = [f"n{number} (ReLU)" for number in range(4, 104)]
    sentence = refusal(path, INPUT + rows + "layer { name: 'x' type: 'Unheard' }")
    assert sentence.endswith(f"layers read so far: ..., {', '.join(shown)}")
    many = "bottom: 'd' " * 103
    sentence = refusal(path, INPUT + f"layer {{ name: 'x' type: 'ReLU' {many} }}")
    assert f"reads 103 blobs (..., {', '.join('d' * 100)}); it takes 1 to 1" in sentence


def test_a_classifier_that_no_weights_lead_to(tmp_path: Path) -> None:
    rows = [
        {"name": "s", "type": "Scale", "bottom": ["d"], "top": ["s"]}
        | {"blobs": [{"shape": {"dim": [3]}, "data": [1.0, 1.0, 1.0]}]},
        {"name": "x", "type": "AbsVal", "bottom": ["d"], "top": ["x"]},
    ]
    path = tmp_path / "net.caffemodel"
    path.write_bytes(encode({"input": ["d"], "input_dim": [1, 3, 8, 8], "layer": rows}, NET))
    with pytest.raises(CaffeError, match=r"net\.caffemodel: .*no layer with weights leads to 'x'"):
        open_net(path, None, NetOptions(3, allowed=Allowed(others=True, extra=True)))
