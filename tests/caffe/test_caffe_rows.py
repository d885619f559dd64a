"""Foreign nets in the plan's vocabulary: what is taken over, what is left out, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deelish.caffe import read_net, rows_of
from deelish.caffe.codec import encode
from deelish.caffe.parameters import PARAMETERS
from deelish.caffe.schema import NET
from deelish.errors import CaffeError
from deelish.plan import Layer, Plan

Saved = Callable[[bytes], Path]


def layer(type: str, bottom: str = "data", top: str = "y", **args: Any) -> dict[str, Any]:
    rules = {key: args.pop(key) for key in ("include", "exclude") if key in args}
    row = {"name": top or "z", "type": type, "bottom": bottom.split(), "top": top.split()} | rules
    return row | ({PARAMETERS[type].name: args} if args else {})


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
        ("Convolution", {"weight_filler": {"type": "positive_unitball"}}, {}),
        (
            "Convolution",
            {"weight_filler": {"type": "gaussian", "std": 0.01}},
            {"weight_filler": {"type": "gaussian", "std": 0.01}},
        ),
        ("Convolution", {"bias_filler": {"value": 0.1}}, {"bias_filler": 0.1}),
        ("Convolution", {"bias_filler": {"type": "constant"}}, {}),
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
    ],
)
def test_arguments(rows: Rows, type: str, caffe: dict[str, Any], args: dict[str, Any]) -> None:
    (row,) = rows(layer(type, **caffe))
    assert row == Layer("y", type, "data", "y", **args)
    assert row.args == args


@pytest.mark.parametrize(
    ("type", "caffe", "text"),
    [
        ("Convolution", {"axis": 2}, "axis is 2; deelish can do 1 there"),
        ("Convolution", {"kernel_size": [3, 3, 3]}, "kernel_size is [3, 3, 3]; deelish can do two"),
        ("Convolution", {"stride_h": 2}, "has only one of stride_h and stride_w; give both"),
        ("Convolution", {"kernel_w": 2}, "has only one of kernel_h and kernel_w; give both"),
        ("Convolution", {"pad": [1], "pad_h": 1}, "has both pad and pad_h or pad_w; keep one"),
        ("Pooling", {"pool": "STOCHASTIC"}, "pool is 'STOCHASTIC'; deelish can do MAX or AVE"),
        ("LRN", {"norm_region": "WITHIN_CHANNEL"}, "norm_region is 'WITHIN_CHANNEL'"),
        ("Scale", {"num_axes": -1}, "num_axes is -1; deelish can do 1 there"),
        ("Flatten", {"axis": 2}, "axis is 2; deelish can do 1 there"),
        ("Concat", {"axis": 1, "concat_dim": 1}, "has both axis and concat_dim; keep one"),
        ("Concat", {"axis": -1}, "axis is -1; deelish can do an axis counted from the front"),
        ("InnerProduct", {"axis": -1}, "axis is -1; deelish can do an axis counted from the front"),
        ("Softmax", {"axis": -1}, "axis is -1; deelish can do an axis counted from the front"),
    ],
)
def test_what_deelish_lacks_is_refused(
    rows: Rows, type: str, caffe: dict[str, Any], text: str
) -> None:
    with pytest.raises(CaffeError, match=rf"layer 'y' \({type}\): {re.escape(text)}"):
        rows(layer(type, **caffe))


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            layer("Power", "a", "b"),
            "layer 'b' (Power): deelish does not know the type; layers read so far: a (ReLU)",
        ),
        (
            layer("ReLU", "nowhere"),
            "reads blob 'nowhere', which is neither an input of known",
        ),
        (layer("ReLU", ""), "reads no blob; name its bottom"),
        (layer("Convolution", "data a"), "bottoms data, a and tops y; deelish can do at most 1"),
        (layer("Pooling", "a", "p mask"), "bottoms a and tops p, mask; deelish can do at most 1"),
        (layer("ReLU", "a", ""), "bottoms a and tops none"),
    ],
)
def test_what_does_not_fit_together_is_refused(rows: Rows, bad: dict[str, Any], text: str) -> None:
    with pytest.raises(CaffeError, match=re.escape(text)):
        rows(layer("ReLU", top="a"), bad)


def test_only_what_answers_is_kept(rows: Rows) -> None:
    found = rows(
        layer("Data", "", "image label"),
        layer("ReLU", top="a"),
        layer("Unheard", "a", "b", include=[{"phase": "TRAIN"}]),
        layer("Dropout", "a", "a", include=[{"phase": "TEST"}]),
        layer("ReLU", "a", "c", exclude=[{"phase": "TRAIN"}]),
        layer("Unheard", "a", "d", include=[{"stage": ["deploy"]}]),
        layer("SoftmaxWithLoss", "c label", "loss"),
        layer("Accuracy", "c label", "accuracy"),
        layer("Silence", "label", "silent"),
        layer("Softmax", "c", "prob"),
    )
    assert [(row.name, row.phase) for row in found] == [
        ("a", None),
        ("a", "TEST"),
        ("c", "TEST"),
        ("prob", None),
    ]


def test_splits_are_undone(rows: Rows) -> None:
    found = rows(
        layer("Split", "data", "data_0 data_1"),
        layer("ReLU", "data_0", "a"),
        layer("Split", "data_1", "deep_0 deep_1"),
        layer("Eltwise", "a deep_1", "sum"),
    )
    assert [row.bottoms for row in found] == [("data",), ("a", "data")]


def test_inputs_are_for_a_batch_of_one_and_may_be_given(saved: Saved) -> None:
    net = {"layer": [layer("Data", "", "data"), layer("ReLU")]}
    found = read_net(saved(encode(net, NET)))
    with pytest.raises(CaffeError, match=r"reads blob 'data', .*; give its shape, or use a deploy"):
        rows_of(found)
    rows, inputs = rows_of(found, {"data": (10, 3, 8, 8), "unread": (1, 2)})
    assert inputs == {"data": (1, 3, 8, 8)}
    assert Plan(rows, inputs).shapes["y"] == (1, 3, 8, 8)


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
        assert plan.shapes[blob][1:] == shapes[blob][1:]
    assert set(plan.outputs) <= shapes.keys()


def test_googlenet_is_a_plan(material: Path) -> None:
    rows, inputs = rows_of(read_net(material / "models" / "bvlc_googlenet.caffemodel"))
    plan = Plan(rows, inputs)
    assert plan.inputs == {"data": (1, 3, 224, 224)}
    assert plan.outputs == ["prob"]
    assert plan.shapes["inception_3a/output"] == (1, 256, 28, 28)
    numbers = sum(blob.size for blobs in plan.weights.values() for blob in blobs.values())
    assert numbers == 6_998_552
