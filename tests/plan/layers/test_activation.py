"""Shape rules of the kinds that work place by place, and what they refuse."""

import pytest
from one_layer import shapes, weights

from deelish.errors import PlanError
from deelish.plan import Layer, Plan

IMAGE = (2, 3, 4, 5)


@pytest.mark.parametrize(
    "kind",
    [
        *("ReLU", "PReLU", "ELU", "Sigmoid", "TanH", "AbsVal", "BNLL", "Swish", "Threshold"),
        *("GELU", "Power", "Exp", "Log", "Dropout", "Softmax", "BatchNorm", "Scale", "Bias", "MVN"),
    ],
)
def test_shape_stays(kind):
    assert shapes(kind, IMAGE) == [IMAGE]


@pytest.mark.parametrize("kind", ["ReLU", "PReLU", "ELU", "GELU", "Sigmoid", "TanH", "Dropout"])
def test_a_row_without_a_top_writes_over_its_bottom(kind):
    plan = Plan([Layer("it", kind), Layer("last", "Power")], {"x": IMAGE})
    assert [row.bottoms + row.tops for row in plan.layers] == [("x", "x"), ("x", "last")]


def test_clip_and_eltwise_keep_the_shape():
    assert shapes("Clip", IMAGE, min=0.0, max=6.0) == [IMAGE]
    assert shapes("Eltwise", IMAGE, IMAGE, IMAGE) == [IMAGE]


def test_mvn_appends_axes_up_to_four():
    assert shapes("MVN", (2, 3)) == [(2, 3, 1, 1)]


@pytest.mark.parametrize(
    ("args", "shape"),
    [
        ({}, (3,)),
        ({"axis": 2}, (4,)),
        ({"axis": -1}, (5,)),
        ({"axis": 0, "num_axes": 2}, (2, 3)),
        ({"axis": 2, "num_axes": -1}, (4, 5)),
        ({"num_axes": 0}, ()),
    ],
)
def test_scale_and_bias_cover_num_axes_from_axis_on(args, shape):
    assert weights("Scale", IMAGE, bias_term=True, **args) == {
        "weight": (shape, 1.0, True),
        "bias": (shape, 0.0, True),
    }
    assert weights("Scale", IMAGE, filler=2.0, **args) == {"weight": (shape, 2.0, True)}
    assert weights("Bias", IMAGE, **args) == {"bias": (shape, 0.0, True)}


@pytest.mark.parametrize(
    ("second", "axis"), [((3,), 1), ((2, 3), 0), ((4, 5), -2), (IMAGE, 0), ((), 9)]
)
def test_second_bottom_takes_the_place_of_the_weights(second, axis):
    args = {"axis": axis, "num_axes": 7}
    assert shapes("Scale", IMAGE, second, **args) == [IMAGE]
    assert weights("Scale", IMAGE, second, **args) == {}
    assert weights("Scale", IMAGE, second, bias_term=True, **args) == {"bias": (second, 0.0, True)}
    assert weights("Bias", IMAGE, second, **args) == {}


def test_weights_of_prelu_and_batch_norm():
    assert weights("PReLU", IMAGE) == {"weight": ((3,), 0.25, True)}
    assert weights("PReLU", (4, 6), channel_shared=True) == {"weight": ((), 0.25, True)}
    assert weights("BatchNorm", (4, 6)) == {
        "mean": ((6,), 0.0, False),
        "variance": ((6,), 0.0, False),
        "factor": ((1,), 0.0, False),
    }


@pytest.mark.parametrize(
    ("kind", "bottoms", "args", "words"),
    [
        ("PReLU", [(3,)], {}, r"reads \(3,\); it needs \(batch, channels, ...\)"),
        ("BatchNorm", [(3,)], {}, r"reads \(3,\); it needs \(batch, channels, ...\)"),
        ("MVN", [(1, 2, 3, 4, 5)], {}, r"needs \(batch, channels, height, width\)"),
        ("Exp", [IMAGE], {"base": 0.0}, "base is 0.0; give one above 0, or -1 for e"),
        ("Exp", [IMAGE], {"base": float("inf")}, "base is inf; give one above 0"),
        ("Log", [IMAGE], {"base": -2.0}, "base is -2.0; give one above 0, or -1 for e"),
        ("Log", [IMAGE], {"base": 1.0}, "base is 1, to which there is no logarithm"),
        ("Clip", [IMAGE], {"min": 2.0, "max": 1.0}, "min is 2.0 and max 1.0; give the lower"),
        ("Dropout", [IMAGE], {"dropout_ratio": 1.0}, "dropout_ratio is 1.0; give 0 or more"),
        ("Softmax", [IMAGE], {"axis": 4}, "axis is 4; give a whole number from -4 to 3"),
        ("Softmax", [IMAGE], {"axis": -5}, "axis is -5; give a whole number from -4 to 3"),
        ("Softmax", [()], {}, "axis is 1; there is none"),
        ("Eltwise", [IMAGE, (1, 3, 4, 5)], {}, "Eltwise needs equal shapes"),
        ("Eltwise", [IMAGE, IMAGE], {"coeff": (1.0,)}, "has 1 coeff for 2 bottoms"),
        (
            "Eltwise",
            [IMAGE, IMAGE],
            {"operation": "PROD", "coeff": (1.0, 2.0)},
            "has 2 coeff for 2 bottoms and operation PROD; give one a bottom, with SUM",
        ),
        ("Scale", [IMAGE], {"axis": 4}, "axis is 4; give a whole number from -4 to 3"),
        ("Scale", [IMAGE], {"axis": 3, "num_axes": 2}, "num_axes 2; give num_axes from 0 to 1"),
        ("Bias", [IMAGE], {"num_axes": -2}, "num_axes -2; give num_axes from 0 to 3, or -1"),
        ("Scale", [IMAGE, (4,)], {}, "the second must have the sides of the first from axis 1 on"),
        ("Bias", [IMAGE, (5, 1)], {"axis": 3}, "the second must have the sides of the first"),
    ],
)
def test_refuses(kind, bottoms, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(kind, *bottoms, **args)
