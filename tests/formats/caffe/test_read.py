"""Reading nets: Caffe's own files, the published GoogLeNet, and nets that are damaged."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.read import read_net, weights_of
from deelish.formats.caffe.schema import NOTE_FIELD
from deelish.formats.caffe.wire import block, tag, varint

Saved = Callable[[bytes], Path]

GOLDEN = [
    "activations argmax batchnorm_batchstats batchnorm_scale concat_slice conv conv_multi_bottom",
    "conv_nd crop crop_nd deconv dropout_softmax eltwise_split extra_layers fcn_mini",
    "flatten_reshape hdf5_weights inception_mini inner_product legacy_input_dim",
    "legacy_input_shape losses lrn_across lrn_within lstm lstm_expose mvn odd_blobs",
    "parameter_dummy phase_rules pool_ave pool_max pool_max_mask power_exp_log",
    "quirk_pool_empty_window reduction resnet_mini rnn scale_bias shared_weights silence syntax",
    "tile_embed v0 v1",
]
FOLDERS = " ".join(GOLDEN).split()


def meta_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "meta.json").read_text())  # type: ignore[no-any-return]


def squeezed(shape: tuple[int, ...] | list[int]) -> list[int]:
    """The shape without leading ones: old files store all blobs with four sides."""
    sides = list(shape)
    while sides and sides[0] == 1:
        del sides[0]
    return sides


@pytest.mark.parametrize("name", FOLDERS)
def test_golden_weights_have_caffes_shapes(material: Path, name: str) -> None:
    folder = material / "caffe-golden" / name
    weights = weights_of(read_net(folder / "net.caffemodel"))
    expected = meta_of(folder)["params"]
    found = {key: [squeezed(blob.shape) for blob in weights[key]] for key in weights}
    for key in expected.keys() & found.keys():
        assert found[key] == [squeezed(shape) for shape in expected[key]]
    # The file of odd blobs lacks one layer on purpose.
    lacking = {"odd_blobs": {"missing"}}.get(name, set())
    assert expected.keys() - found.keys() == lacking


def test_googlenet(material: Path) -> None:
    net = read_net(material / "models" / "bvlc_googlenet.caffemodel")
    weights = weights_of(net)
    assert sum(blob.size for blobs in weights.values() for blob in blobs) == 6_998_552
    assert net.inputs == {"data": (10, 3, 224, 224)}
    assert net.note is None
    assert [squeezed(blob.shape) for blob in weights["loss3/classifier"]] == [[1000, 1024], [1000]]
    pool = next(layer for layer in net.layers if layer.name == "pool5/7x7_s1")
    assert (pool.type, pool.args) == ("Pooling", {"pool": "AVE", "kernel_size": 7, "stride": 1})


def test_arrays_outlive_the_net(material: Path) -> None:
    array = weights_of(read_net(material / "models" / "bvlc_googlenet.caffemodel"))
    weight = array.pop("conv1/7x7_s2")[0]
    array.clear()
    assert math.isfinite(float(weight.sum()))
    assert not weight.flags.writeable


CONV = block(1, b"conv") + block(2, b"Convolution")
ONE = block(7, block(7, b"\x0a\x01\x01") + block(5, np.float32(2).tobytes()))


def net(*layers: bytes) -> bytes:
    return b"".join(block(100, layer) for layer in layers)


def test_rules_and_blobs_of_a_hand_made_layer(saved: Saved) -> None:
    rule = tag(1, 0) + b"\x00" + block(4, b"deploy")
    layer = CONV + block(3, b"a") + block(4, b"b") + block(8, rule) + ONE
    (found,) = read_net(saved(net(layer))).layers
    assert (found.bottoms, found.tops) == (("a",), ("b",))
    assert found.include == [{"phase": "TRAIN", "stage": ["deploy"]}]
    assert not found.runs_in("TRAIN")
    assert found.blobs[0].tolist() == [2]


@pytest.mark.parametrize(
    ("field", "rule", "phases"),
    [
        (8, tag(1, 0) + b"\x00", (True, False)),
        (8, tag(1, 0) + b"\x01", (False, True)),
        (9, tag(1, 0) + b"\x00", (False, True)),
        (8, tag(2, 0) + b"\x01", (False, False)),
        (8, tag(3, 0) + varint(-1), (False, False)),
        (8, block(5, b"deploy"), (True, True)),
        (9, block(4, b"deploy"), (True, True)),
    ],
)
def test_phase_rules(saved: Saved, field: int, rule: bytes, phases: tuple[bool, bool]) -> None:
    (layer,) = read_net(saved(net(CONV + block(field, rule)))).layers
    assert (layer.runs_in("TRAIN"), layer.runs_in("TEST")) == phases


def test_a_message_in_two_parts_is_merged(saved: Saved) -> None:
    first = block(106, tag(1, 0) + b"\x04" + tag(4, 0) + b"\x03" + block(7, block(1, b"xavier")))
    second = block(106, tag(1, 0) + b"\x05" + tag(4, 0) + b"\x02" + block(7, b"\x35\0\0\0\x3f"))
    (layer,) = read_net(saved(net(CONV + first + second))).layers
    filler = {"type": "xavier", "std": 0.5}
    assert layer.args == {"num_output": 5, "kernel_size": [3, 2], "weight_filler": filler}


@pytest.mark.parametrize(
    ("content", "inputs"),
    [
        (block(3, b"x") + b"".join(b"\x20" + varint(n) for n in (2, 3, 8, 9)), {"x": (2, 3, 8, 9)}),
        (block(3, b"x") + block(4, bytes((2, 3, 8, 9))), {"x": (2, 3, 8, 9)}),
        (
            block(3, b"x") + block(3, b"y") + block(8, b"\x0a\x01\x05") + block(8, b"\x08\x07"),
            {"x": (5,), "y": (7,)},
        ),
        (block(3, b"x"), {"x": ()}),
    ],
)
def test_inputs_of_old_nets(saved: Saved, content: bytes, inputs: dict[str, Any]) -> None:
    assert read_net(saved(content + net(CONV))).inputs == inputs


def test_one_shape_serves_all_tops_of_an_input_layer(saved: Saved) -> None:
    layer = block(1, b"in") + block(2, b"Input") + block(4, b"a") + block(4, b"b")
    content = net(layer + block(143, block(1, b"\x0a\x02\x01\x03")))
    assert read_net(saved(content)).inputs == {"a": (1, 3), "b": (1, 3)}


def test_unknown_fields_are_skipped(saved: Saved) -> None:
    unknown = block(999, b"\xff" * 40) + tag(998, 0) + b"\x01" + tag(997, 5) + b"1234"
    found = read_net(saved(unknown + net(unknown + CONV + ONE + unknown) + unknown))
    assert found.layers[0].blobs[0].tolist() == [2]
    assert found.note is None


def test_only_what_a_type_reads_is_decoded(saved: Saved) -> None:
    """Forks use one number for different things, so what a type does not read may be anything."""
    foreign = block(163, b"\xff") + block(123, b"\x0d\0\0\0\x3f")
    convolution, relu = read_net(
        saved(net(CONV + foreign, foreign + block(1, b"r") + block(2, b"ReLU")))
    ).layers
    assert convolution.args == {}
    assert relu.args == {"negative_slope": 0.5}


def test_the_note_comes_back(saved: Saved) -> None:
    text = '{"name": "Übung"}'
    assert read_net(saved(net(CONV) + block(NOTE_FIELD, text.encode()))).note == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x08\x05", "field 1 has the wire type 0, which does not suit string"),
        (block(1, b"only a name"), "it holds no layer"),
        (net(CONV) + block(2, block(4, b"x") + b"\x28\x04"), "it mixes `layer` and `layers`"),
        (net(b""), "layer number 1, byte 3: it has no name"),
        (net(b"") * 20_000, "layer is there more than 16,384 times"),
        (net(CONV, block(1, b"x")), "layer number 2, byte 25: it has no type"),
        (net(CONV + block(4, b"\xff\xfe")), "field 4 is text, but not in UTF-8"),
        (
            block(2, block(4, b"x") + b"\x28\x63"),
            "layer 'x', byte 2: its type is 99, a number",
        ),
        (net(CONV + block(8, b"") + block(9, b"")), "it has both include and exclude rules"),
        (
            net(CONV + block(7, block(7, b"\x0a\x02\x02\x03"))),
            "layer 'conv', byte 24: a blob",
        ),
        (net(CONV + block(3, b"x" * 1001)), "byte 4: a name of 1,001 characters begins 'xxxxx"),
        (net(*[CONV + block(8, b"") * 50] * 9000), "the file holds more fields and text than any"),
        (b"\x28\x01" * 300_000, "the file holds more fields and text than any"),
        (block(1, b"x" * 2**24) + net(CONV), "the file holds more fields and text than any net"),
        (net(CONV + block(7, b"") * 20_000), "blobs is there more than 16,384 times"),
        (net(CONV) + block(3, b"x") + b"\x20\x03", "it has 1 input_dim for 1 input"),
        (
            net(CONV) + block(3, b"x") * 9999 + block(8, block(1, b"\x01" * 9999)),
            "input 'x' has 9,999 axes",
        ),
        (net(CONV) + block(3, b"x") + block(8, b"\x08\x00"), "input 'x' has the shape [0]"),
        (
            net(CONV) + block(3, b"x") + block(8, b"\x08\x01") * 2,
            "it has 2 shapes for 1 inputs; give one shape for each",
        ),
        (b"\xa2\x06" + varint(2**30) + CONV, "claims 1073741824 bytes where"),
    ],
)
def test_what_is_no_net_is_refused_in_a_sentence(saved: Saved, content: bytes, text: str) -> None:
    path = saved(content)
    with pytest.raises(CaffeError, match=f"{re.escape(str(path))}: .*{re.escape(text)}"):
        read_net(path)


def test_two_weighted_layers_of_one_name(saved: Saved) -> None:
    assert weights_of(read_net(saved(net(CONV, CONV + ONE)))).keys() == {"conv"}
    with pytest.raises(CaffeError, match="two layers of this name have weights"):
        weights_of(read_net(saved(net(CONV + ONE, CONV + ONE))))
