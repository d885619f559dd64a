"""Hostile .onnx: weights outside of its folder or behind a link, and messages without end."""

import os
import sys

import numpy as np
import pytest
from hostile.watching import nobody_reads, refusal

from deelish import Deel, Teacher
from deelish.formats.caffe.wire import block

onnx = pytest.importorskip("onnx", reason="reading .onnx needs onnx")
pytest.importorskip("onnxruntime", reason="running .onnx needs onnxruntime")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
W = np.ones((4, 192), np.float32)


def model(location=None, *, inner=False):
    """A linear classifier of 8 x 8 pixels whose weights are in a file of this name."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(W, "weight")
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", str(W.nbytes))):
            entry = weight.external_data.add()
            entry.key, entry.value = key, value
    nodes = [
        helper.make_node("Flatten", ["data"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight"], ["logits"], transB=1),
    ]
    initial = [weight]
    if inner:
        nodes.insert(0, helper.make_node("Constant", [], ["weight"], value=weight))
        initial = []
    side = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [side("data", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [side("logits", TensorProto.FLOAT, ["n", 4])],
        initial,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def folder(tmp_path):
    """The model's folder, beside a file that is none of its business."""
    (tmp_path / "secret").write_bytes(W.tobytes())
    (tmp_path / "model" / "sub").mkdir(parents=True)
    return tmp_path / "model"


def saved(folder, content):
    path = folder / "net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def opened(path):
    with Deel():
        return Teacher(path, size=8, mean=0, scale=1)


@pytest.mark.parametrize("location", ["weights", "sub/weights", "./weights"])
@pytest.mark.parametrize("inner", [False, True])
def test_weights_beside_it_are_its_own(folder, location, inner):
    (folder / location).write_bytes(W.tobytes())
    path = saved(folder, model(location, inner=inner))
    logits = opened(path).classify(np.full((8, 8, 3), 2, np.uint8)).value
    assert logits.shape == (1, 4)


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "sub/../../secret",
        "..\\secret",
        "C:\\secret",
        "\\\\server\\secret",
        "/dev/zero",
        "/proc/self/environ",
        "ABSOLUTE",
        "",
        "nul\0byte",
        "../" * 900 + "secret",
    ],
)
@pytest.mark.parametrize("inner", [False, True])
def test_weights_outside_of_its_folder(folder, location, inner):
    secret = folder.parent / "secret"
    location = str(secret) if location == "ABSOLUTE" else location
    path = saved(folder, model(location, inner=inner))
    with nobody_reads(secret):
        assert "which is outside of its folder" in refusal(lambda: opened(path), path)


def symlink(folder, secret):
    (folder / "weights").symlink_to(secret)


def hard_link(folder, secret):
    os.link(secret, folder / "weights")


def linked_folder(folder, secret):
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(secret.parent)
    return "sub/secret"


def symlink_inside(folder, secret):
    (folder / "real").write_bytes(W.tobytes())
    (folder / "weights").symlink_to("real")


def pipe(folder, secret):
    os.mkfifo(folder / "weights")


def a_folder(folder, secret):
    return "sub"


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "case", [symlink, hard_link, linked_folder, symlink_inside, pipe, a_folder]
)
def test_weights_behind_a_link(folder, case):
    secret = folder.parent / "secret"
    path = saved(folder, model(case(folder, secret) or "weights"))
    with nobody_reads(secret):
        assert "which is a link or no ordinary file" in refusal(lambda: opened(path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize("location", ["weights", "*/_ORT_MEM_ADDR_/*"])
def test_weights_that_are_not_there(folder, location):
    """The second is onnxruntime's word for an address in memory."""
    path = saved(folder, model(location))
    assert "which cannot be read (No such file" in refusal(lambda: opened(path), path)


def graphs_in_each_other(depth):
    """A graph in an attribute of a node of a graph, and so on."""
    content = b""
    for _ in range(depth):
        content = block(1, block(5, block(6, content)))
    return block(7, content)


BOMBS = {
    "empty": b"",
    "zeros": bytes(1 << 20),
    "text": b"<html>" * 99,
    "nodes": block(7, b"\x0a\x00" * 2_000_000),
    "attributes": block(7, block(1, b"\x2a\x00" * 2_000_000)),
    "initialisers": block(7, b"\x2a\x00" * 2_000_000),
    "entries": b"\x72\x00" * 2_000_000,
    "names": block(7, block(1, b"\x0a\x00" * 4_000_000)),
    "sides": block(7, block(5, block(1, b"\x01" * (20 << 20)))),
    "numbers": block(7, block(5, block(7, b"\x01" * (20 << 20)))),
    "integers of an attribute": block(7, block(1, block(5, block(8, b"\x01" * (20 << 20))))),
    "graphs in each other": graphs_in_each_other(3000),
    "cut": model().SerializeToString()[:-100],
}


@pytest.mark.torture("F1")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb(folder, name):
    path = saved(folder, BOMBS[name])
    assert "is no model of ONNX" in refusal(lambda: opened(path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize("key", ["preprocessing", "labels"])
def test_metadata_of_deep_json(folder, key):
    made = model()
    for name, text in {"deelish": "1", "preprocessing": "{}", key: "[" * 100_000}.items():
        entry = made.metadata_props.add()
        entry.key, entry.value = name, text
    path = saved(folder, made)
    assert "deelish's metadata in it is damaged" in refusal(lambda: opened(path), path)
