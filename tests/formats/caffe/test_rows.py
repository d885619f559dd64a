"""Foreign nets in the plan's vocabulary: what is taken over, what is left out, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe import read_net, rows_of
from deelish.formats.caffe.codec import encode
from deelish.formats.caffe.rows import TransformParameters, feed_shapes, transform_parameters
from deelish.formats.caffe.schema import NET
from deelish.formats.caffe.values import parameter_of
from deelish.plan import Layer, Plan
from deelish.plan.layers import KINDS

Saved = Callable[[bytes], Path]


def layer(type: str, bottom: str = "data", top: str = "y", **args: Any) -> dict[str, Any]:
    rules = {key: args.pop(key) for key in ("include", "exclude") if key in args}
    row = {"name": top or "z", "type": type, "bottom": bottom.split(), "top": top.split()} | rules
    for key, value in args.items():
        row.setdefault(parameter_of(type, key), {})[key] = value
    return row


@pytest.fixture
def rows(saved: Saved) -> Callable[..., list[Layer]]:
    """The rows of a net with the given layers and the input `data`."""

    def read(*layers: dict[str, Any]) -> list[Layer]:
        net = {"input": ["data"], "input_dim": [10, 4, 9, 9], "layer": layers}
        return rows_of(read_net(saved(encode(net, NET))))[0]

    return read


Rows = Callable[..., list[Layer]]


@pytest.mark.parametrize(
    ("type", "caffe", "args"),
    [
        ("Convolution", {"kernel_h": 3, "kernel_w": 5}, {"kernel_size": (3, 5)}),
        ("Convolution", {"kernel_h": 3, "kernel_w": 3}, {"kernel_size": 3}),
        ("Convolution", {"kernel_size": [3]}, {"kernel_size": 3}),
        ("Convolution", {"kernel_size": [3, 5]}, {"kernel_size": (3, 5)}),
        ("Convolution", {"pad_h": 2}, {"pad": (2, 0)}),
        ("Convolution", {"pad_w": 2}, {"pad": (0, 2)}),
        ("Convolution", {"pad": [0], "stride": [1], "group": 1, "bias_term": True}, {}),
        ("Convolution", {"stride_h": 2, "stride_w": 1}, {"stride": (2, 1)}),
        ("Convolution", {"dilation": [2]}, {"dilation": 2}),
        ("Convolution", {"engine": "CUDNN", "axis": 1, "force_nd_im2col": True}, {}),
        ("Convolution", {"weight_filler": {"type": "xavier"}}, {"weight_filler": "xavier"}),
        (
            "Convolution",
            {"weight_filler": {"type": "positive_unitball"}},
            {"weight_filler": "positive_unitball"},
        ),
        (
            "Convolution",
            {"weight_filler": {"type": "gaussian", "std": 0.01}},
            {"weight_filler": {"type": "gaussian", "std": 0.01}},
        ),
        ("Convolution", {"bias_filler": {"value": 0.1}}, {"bias_filler": 0.1}),
        ("Convolution", {"bias_filler": {"type": "constant"}}, {}),
        ("Convolution", {"kernel_size": [3, 4, 5]}, {"kernel_size": (3, 4, 5)}),
        ("Convolution", {"axis": 2}, {"axis": 2}),
        (
            "InnerProduct",
            {"num_output": 3, "transpose": True},
            {"num_output": 3, "transpose": True},
        ),
        (
            "Pooling",
            {"pool": "AVE", "global_pooling": True},
            {"pool": "AVE", "global_pooling": True},
        ),
        (
            "Pooling",
            {"kernel_size": 3, "round_mode": "FLOOR"},
            {"kernel_size": 3, "round_mode": "FLOOR"},
        ),
        ("Pooling", {"kernel_h": 2, "kernel_w": 3, "pool": "MAX"}, {"kernel_size": (2, 3)}),
        ("LRN", {"local_size": 3, "k": 2.0, "beta": 0.75}, {"local_size": 3, "k": 2.0}),
        ("LRN", {"norm_region": "ACROSS_CHANNELS", "alpha": 1e-4}, {"alpha": 1e-4}),
        ("BatchNorm", {"use_global_stats": False, "eps": 1e-5}, {"use_global_stats": False}),
        ("Scale", {"bias_term": True, "axis": 1, "num_axes": 1}, {"bias_term": True}),
        ("Scale", {"filler": {"value": 1.0}}, {}),
        ("ReLU", {"negative_slope": 0.1}, {"negative_slope": 0.1}),
        ("Dropout", {"dropout_ratio": 0.7}, {"dropout_ratio": 0.7}),
        ("Eltwise", {"coeff": [1.0, -1.0], "stable_prod_grad": False}, {"coeff": (1.0, -1.0)}),
        ("Eltwise", {"operation": "MAX"}, {"operation": "MAX"}),
        ("Concat", {"concat_dim": 2}, {"axis": 2}),
        ("Flatten", {"axis": 1, "end_axis": -1}, {}),
        ("Softmax", {"axis": 2, "engine": "CAFFE"}, {"axis": 2}),
        ("Softmax", {"axis": -1}, {"axis": -1}),
        ("Reshape", {"shape": {"dim": [0, -1]}, "axis": 1}, {"shape": (0, -1), "axis": 1}),
        ("DummyData", {"shape": [{"dim": [2, 3]}]}, {"shape": ((2, 3),)}),
        ("DummyData", {"data_filler": [{"value": 2.0}]}, {"data_filler": (2.0,)}),
        ("SoftmaxWithLoss", {"ignore_label": 1, "axis": 2}, {"ignore_label": 1, "axis": 2}),
        ("Slice", {"slice_dim": 2, "slice_point": [1, 4]}, {"axis": 2, "slice_point": (1, 4)}),
    ],
)
def test_arguments(rows: Rows, type: str, caffe: dict[str, Any], args: dict[str, Any]) -> None:
    bottoms = ["data"] * KINDS[type].bottoms[0]
    (row,) = rows(layer(type, " ".join(bottoms), **caffe))
    assert row == Layer("y", type, bottoms, "y", **args)


@pytest.mark.parametrize(
    ("type", "caffe", "text"),
    [
        ("Convolution", {"stride_h": 2}, "has stride_h without stride_w; give both"),
        ("Convolution", {"kernel_w": 2}, "has kernel_w without kernel_h; give both"),
        ("Convolution", {"pad": [1], "pad_h": 1}, "has both pad and pad_h or pad_w; keep one"),
        ("Concat", {"axis": 1, "concat_dim": 1}, "has both axis and concat_dim; keep one"),
        ("Im2col", {"group": 2}, "has group, which deelish does not know there; it knows kernel_"),
    ],
)
def test_what_deelish_lacks_is_refused(
    rows: Rows, type: str, caffe: dict[str, Any], text: str
) -> None:
    with pytest.raises(CaffeError, match=rf"layer 'y' \({type}\): {re.escape(text)}"):
        rows(layer(type, " ".join(["data"] * KINDS[type].bottoms[0]), **caffe))


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            layer("Unheard", "a", "b"),
            (
                "layer 'b' (Unheard): deelish does not know the type; the nearest are Interp,"
                " InnerProduct, Threshold; layers read so far: a (ReLU)"
            ),
        ),
        (
            layer("ReLU", "nowhere"),
            "reads blob 'nowhere', which is neither an input of known",
        ),
        (layer("ReLU", ""), "reads 0 blobs (none); it takes 1 to 1"),
        (layer("TanH", "data a"), "layer 'y' (TanH): reads 2 blobs (data, a); it takes 1 to 1"),
        (layer("TanH", "a", "p mask"), "makes 2 blobs (p, mask); it takes 1 to 1"),
        (layer("ReLU", "a", ""), "makes 0 blobs (none); it takes 1 to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(rows: Rows, bad: dict[str, Any], text: str) -> None:
    with pytest.raises(CaffeError, match=re.escape(text)):
        rows(layer("ReLU", top="a"), bad)


def test_the_net_of_the_test_phase_is_taken(rows: Rows) -> None:
    found = rows(
        layer("Unheard", "", "x", include=[{"phase": "TRAIN"}]),
        layer("ReLU", top="a"),
        layer("Unheard", "a", "b", include=[{"phase": "TRAIN"}]),
        layer("Dropout", "a", "a", include=[{"phase": "TEST"}]),
        layer("ReLU", "a", "c", exclude=[{"phase": "TRAIN"}]),
        layer("Unheard", "a", "d", include=[{"stage": ["deploy"]}]),
        layer("HDF5Output", "c", ""),
        layer("Softmax", "c", "prob"),
    )
    assert [(row.name, row.phase) for row in found] == [
        ("a", None),
        ("a", None),
        ("c", None),
        ("prob", None),
    ]


def test_stages_and_levels_choose_layers(saved: Saved) -> None:
    layers = [
        layer("ReLU", top="a", include=[{"stage": ["deploy"]}]),
        layer("TanH", top="b", include=[{"min_level": 2}]),
        layer("Sigmoid", top="c", exclude=[{"stage": ["deploy"]}]),
    ]
    net = {"input": ["data"], "input_dim": [1, 4, 9, 9], "layer": layers}
    found = read_net(saved(encode(net, NET)))

    def names(*choice: Any) -> list[str]:
        return [row.name for row in rows_of(found, None, *choice)[0]]

    assert names() == ["c"]
    assert names(2) == ["b", "c"]
    assert names(0, ["deploy"]) == ["a"]


def test_the_splits_that_caffe_puts_in_are_undone(rows: Rows) -> None:
    found = rows(
        layer("Split", "data", "data_0_split_0 data_0_split_1") | {"name": "data_0_split"},
        layer("ReLU", "data_0_split_0", "a"),
        layer("Split", "data_0_split_1", "mine also"),
        layer("Eltwise", "a also", "sum"),
    )
    assert [row.bottoms for row in found] == [("data",), ("data",), ("a", "also")]


def test_the_shape_of_a_data_layer_is_given_or_inferred(saved: Saved) -> None:
    net = {"layer": [layer("Data", "", "data label"), layer("ReLU")]}
    found = read_net(saved(encode(net, NET)))
    with pytest.raises(CaffeError, match=r"reads blob 'data', .*; give in_size=, or use a deploy"):
        rows_of(found)
    rows, inputs = rows_of(found, {"data": (10, 3, 8, 8), "unread": (1, 2)})
    assert inputs == {"data": (10, 3, 8, 8)}
    assert Plan(rows, inputs).shapes["y"] == (10, 3, 8, 8)


def test_what_a_data_layer_says_of_pixels_is_taken(saved: Saved) -> None:
    about = {"crop_size": 8, "mean_value": [1.0, 2.0, 3.0], "scale": 0.5}
    weights = {"shape": {"dim": [2, 3, 1, 1]}, "data": np.ones((2, 3, 1, 1), np.float32)}
    convolution = layer("Convolution", top="y", num_output=2, kernel_size=[1], bias_term=False)
    net = {"layer": [layer("Data", "", "data", **about), convolution | {"blobs": [weights]}]}
    found = read_net(saved(encode(net, NET)))
    assert transform_parameters(found) == TransformParameters(8, (1.0, 2.0, 3.0), 0.5)
    assert feed_shapes(found, None) == {"data": (1, 3, 8, 8)}
    assert feed_shapes(found, 6) == {"data": (1, 3, 6, 6)}


@pytest.mark.parametrize(
    ("name", "layers"),
    [("inception_mini", 22), ("resnet_mini", 40), ("conv", 6), ("pool_max", 13), ("pool_ave", 12)],
)
def test_golden_nets_make_plans_with_caffes_shapes(material: Path, name: str, layers: int) -> None:
    folder = material / "caffe-golden" / name
    rows, inputs = rows_of(read_net(folder / "net.caffemodel"))
    plan = Plan(rows, inputs)
    assert len(plan.layers) == layers
    with np.load(folder / "io.npz") as arrays:
        shapes = {key.split(":")[1]: arrays[key].shape for key in arrays if key[:3] != "in:"}
    for blob in shapes.keys() & plan.shapes.keys():
        assert plan.shapes[blob] == shapes[blob]
    assert set(plan.outputs) <= shapes.keys()


def test_googlenet_is_a_plan(material: Path) -> None:
    rows, inputs = rows_of(read_net(material / "models" / "bvlc_googlenet.caffemodel"))
    plan = Plan(rows, inputs)
    assert plan.inputs == {"data": (10, 3, 224, 224)}
    assert plan.outputs == ["prob"]
    assert plan.shapes["inception_3a/output"] == (10, 256, 28, 28)
    numbers = sum(blob.size for blobs in plan.weights.values() for blob in blobs.values())
    assert numbers == 6_998_552
