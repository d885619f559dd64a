"""Writing: what was written comes back, bit by bit and name by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe import caffemodel_bytes, prototxt, read_net, rows_of, weights_of
from deelish.plan import Layer, Plan

Saved = Callable[[bytes], Path]
Arrays = dict[str, dict[str, np.ndarray]]

ODD_NAMES = ["inception_3a/1x1", 'say "yes"', "back\\slash", "two\nlines", "Größe", "tab\t", "日本"]


def test_rows_and_arrays_come_back(saved: Saved, small_plan: Plan, arrays: Arrays) -> None:
    net = read_net(saved(caffemodel_bytes(small_plan, arrays, "a note")))
    rows, inputs = rows_of(net)
    again = Plan(rows, inputs, net.name)
    in_test_phase = [row for row in small_plan.layers if row.phase != "TRAIN"]
    assert again.layers == in_test_phase
    assert again.inputs == small_plan.inputs
    assert net.name == "small"
    assert net.note == "a note"
    weights = weights_of(net)
    assert list(weights) == list(small_plan.weights)
    for name, blobs in small_plan.weights.items():
        assert [blob.shape for blob in weights[name]] == [blob.shape for blob in blobs.values()]
        assert [blob.tobytes() for blob in weights[name]] == [
            arrays[name][blob].tobytes() for blob in blobs
        ]


def test_layers_of_the_training_phase_are_in_the_file(
    saved: Saved, small_plan: Plan, arrays: Arrays
) -> None:
    net = read_net(saved(caffemodel_bytes(small_plan, arrays, "")))
    (found,) = [layer for layer in net.layers if layer.name == "squash"]
    assert found.include == [{"phase": "TRAIN"}]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_come_back(saved: Saved, name: str) -> None:
    plan = Plan([Layer(name, "ReLU", "x", name)], {"x": (1, 2, 3, 3)}, name=name)
    net = read_net(saved(caffemodel_bytes(plan, {}, name)))
    assert [net.name, net.note, net.layers[1].name, *net.layers[1].tops] == [name] * 4


def test_an_input_may_bear_the_name_of_a_layer(saved: Saved) -> None:
    plan = Plan([Layer("x", "InnerProduct", "x", "y", num_output=2)], {"x": (1, 3)})
    weight, bias = np.eye(2, 3, dtype=np.float32), np.zeros(2, np.float32)
    content = caffemodel_bytes(plan, {"x": {"weight": weight, "bias": bias}}, "")
    assert weights_of(read_net(saved(content)))["x"][0].tolist() == weight.tolist()


def test_strided_arrays_are_written_in_order(saved: Saved) -> None:
    plan = Plan([Layer("ip", "InnerProduct", num_output=2, bias_term=False)], {"x": (1, 3)})
    weight = np.arange(6, dtype=np.float32).reshape(3, 2).T
    net = read_net(saved(caffemodel_bytes(plan, {"ip": {"weight": weight}}, "")))
    assert weights_of(net)["ip"][0].tolist() == [[0, 2, 4], [1, 3, 5]]


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({}, "small: layer 'ip': weight is missing; give (2, 3)"),
        (
            {"ip": {"weight": np.zeros((3, 2), np.float32)}},
            "small: layer 'ip': weight has the shape (3, 2); give (2, 3)",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays: Arrays, text: str) -> None:
    row = Layer("ip", "InnerProduct", num_output=2, bias_term=False)
    with pytest.raises(CaffeError, match=re.escape(text)):
        caffemodel_bytes(Plan([row], {"x": (1, 3)}, name="small"), arrays, "")


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            Layer("act", "GELU"),
            "layer 'act' (GELU): Caffe has no layer type GELU, so it cannot be written as a",
        ),
        (
            Layer("c", "Convolution", num_output=2, kernel_size=3, weight_filler="dirac"),
            "layer 'c' (Convolution): Caffe has no filler dirac, so it cannot be written as a",
        ),
        (
            Layer("d", "DummyData", shape=[(1, 1, 3, 3)], data_filler=[{"type": "dirac"}]),
            "layer 'd' (DummyData): Caffe has no filler dirac, so it",
        ),
    ],
)
def test_what_caffe_does_not_have_is_refused(row: Layer, text: str) -> None:
    plan = Plan([row, Layer("s", "Sigmoid")], {"x": (1, 3, 8, 8)})
    arrays = {
        layer: {name: np.zeros(blob.shape, np.float32) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    for write in (lambda: caffemodel_bytes(plan, arrays, ""), lambda: prototxt(plan)):
        with pytest.raises(CaffeError, match=re.escape(text)):
            write()


def test_golden_nets_survive_the_way_through_a_plan(saved: Saved, material: Path) -> None:
    net = read_net(material / "caffe-golden" / "inception_mini" / "net.caffemodel")
    rows, inputs = rows_of(net)
    plan = Plan(rows, inputs, net.name)
    arrays = {
        name: dict(zip(plan.weights[name], blobs, strict=True))
        for name, blobs in weights_of(net).items()
    }
    again = read_net(saved(caffemodel_bytes(plan, arrays, "")))
    assert Plan(*rows_of(again), again.name).to_dict() == plan.to_dict()
    for name, blobs in weights_of(again).items():
        assert [blob.tobytes() for blob in blobs] == [
            blob.tobytes() for blob in weights_of(net)[name]
        ]
