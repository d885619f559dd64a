"""The plan: wiring, shapes, costs, and what it refuses."""

import json

import pytest

from deelish.errors import PlanError
from deelish.plan import Layer, Plan, summary

IMAGE = {"data": (1, 3, 32, 32)}


def conv(name, bottom=(), **args):
    return Layer(name, "Convolution", bottom, **{"num_output": 8, "kernel_size": 3} | args)


def small():
    return [
        conv("conv1", pad=1),
        Layer("relu1", "ReLU"),
        Layer("pool1", "Pooling", kernel_size=2, stride=2),
        Layer("score", "InnerProduct", num_output=10),
        Layer("prob", "Softmax"),
    ]


def test_rows_are_chained_and_activations_run_in_place():
    plan = Plan(small(), IMAGE)
    assert [layer.bottoms for layer in plan.layers] == [
        ("data",),
        ("conv1",),
        ("conv1",),
        ("pool1",),
        ("score",),
    ]
    assert plan.layers[1].tops == ("conv1",)
    assert plan.shapes["pool1"] == (1, 8, 16, 16)
    assert plan.outputs == ["prob"]
    assert plan.logits == "score"
    assert plan.classes == 10


@pytest.mark.parametrize(
    ("side", "args", "made"),
    [
        # Caffe rounds up where others round down, and drops a last window beyond the padding.
        (8, {"kernel_size": 3, "stride": 2}, 4),
        (7, {"kernel_size": 3, "stride": 2}, 3),
        (6, {"kernel_size": 3, "stride": 2, "pad": 1}, 4),
        (5, {"kernel_size": 2, "stride": 2, "pad": 1}, 3),
        (8, {"kernel_size": 3, "stride": 2, "round_mode": "FLOOR"}, 3),
        (9, {"global_pooling": True}, 1),
    ],
)
def test_pooling_sizes_follow_caffe(side, args, made):
    plan = Plan([Layer("pool", "Pooling", **args)], {"data": (1, 2, side, side)})
    assert plan.shapes["pool"] == (1, 2, made, made)


def test_costs_are_the_formula_of_a_convolution_and_a_product():
    plan = Plan(small(), IMAGE)
    assert summary.parameters(plan) == 8 * 3 * 9 + 8 + 10 * 8 * 16 * 16 + 10
    assert summary.multiply_adds(plan) == 8 * 3 * 9 * 32 * 32 + 10 * 8 * 16 * 16
    last = summary.table(plan).splitlines()[-1].split()
    assert last == ["total", f"{summary.parameters(plan):,}", f"{summary.multiply_adds(plan):,}"]


def test_a_plan_comes_back_from_json_unchanged():
    rows = [*small(), Layer("extra", "InnerProduct", "pool1", num_output=10, phase="TRAIN")]
    plan = Plan(rows, IMAGE, "Small", auxiliary={"extra": 0.3})
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.to_dict() == plan.to_dict()
    assert again.shapes == plan.shapes


def test_a_layer_of_the_training_phase_is_no_part_of_the_outputs():
    rows = [*small(), Layer("extra", "InnerProduct", "pool1", num_output=10, phase="TRAIN")]
    plan = Plan(rows, IMAGE, logits="score", auxiliary={"extra": 0.3})
    assert plan.outputs == ["prob"]
    assert "extra" not in plan.test_layers
    assert plan.classifiers == {"score", "extra"}
    assert summary.parameters(plan) == summary.parameters(Plan(small(), IMAGE))


REFUSED = [
    (
        [Layer("c", "Convolutoin", num_output=1, kernel_size=1)],
        r"layer 'c' \(Convolutoin\): there is no such type; did you mean 'Convolution'",
    ),
    (
        [conv("c", kernal=3)],
        r"layer 'c' \(Convolution\): takes no 'kernal'; .*kernel_size",
    ),
    ([conv("a"), conv("a")], r"layer 'a' \(Convolution\): the name is taken already"),
    (
        [conv("conv1"), conv("b", "conv9")],
        r"layer 'b' \(Convolution\): reads 'conv9', which no layer .*; did you mean 'conv1'",
    ),
    (
        [Layer("c", "Convolution", kernel_size=3)],
        r"layer 'c' \(Convolution\): has no num_output; give it in the row",
    ),
    ([conv("c", kernel_size=40)], r"its kernel of 40 does not fit a side of 32; take a larger"),
    ([conv("c", num_output=0)], r"num_output is 0; give a whole number above 0"),
    ([conv("c", group=2)], r"3 channels in .* do not divide into group 2"),
    ([conv("c", weight_filler="xaver")], r"layer 'c' .* filler 'xaver' is not known; .*xavier"),
    ([conv("c", stride="2")], r"layer 'c' \(Convolution\): '2' is no whole number"),
    ([Layer("p", "Pooling", pool="MIN", kernel_size=2)], r"pool is 'MIN'; it is MAX or AVE"),
    ([Layer("p", "Pooling", kernel_size=2, pad=2)], r"pad 2 is not smaller than kernel_size 2"),
    (
        [conv("a"), conv("b", "data", pad=1), Layer("s", "Eltwise", ["a", "b"])],
        r"layer 's' \(Eltwise\): reads \(1, 8, 30, 30\) and \(1, 8, 32, 32\)",
    ),
    (
        [conv("a"), conv("b", "data", pad=1), Layer("s", "Concat", ["a", "b"])],
        r"layer 's' \(Concat\): reads .* which differ off axis 1",
    ),
    ([conv("a"), Layer("r", "ReLU", ["a", "data"])], r"reads 2 blobs; it takes one"),
    ([conv("a", top="data2"), conv("b", "data", top="data2")], r"'data2' is made already"),
    ([], r"has no layers"),
]


@pytest.mark.parametrize(("rows", "words"), REFUSED)
def test_what_does_not_fit_is_refused_by_name(rows, words):
    with pytest.raises(PlanError, match=words):
        Plan(rows, IMAGE)


def test_a_name_that_is_not_there_offers_the_nearest():
    plan = Plan(small(), IMAGE, "Small")
    with pytest.raises(PlanError, match="Small has no layer 'pool2'; did you mean 'pool1'"):
        plan.blob_of("pool2")
    with pytest.raises(PlanError, match="logits is 'scores', and no layer makes it; did you mean"):
        Plan(small(), IMAGE, logits="scores")


@pytest.mark.parametrize("shape", [(), (1, 0, 4, 4), (1, 3.0, 4, 4)])
def test_an_input_without_whole_sides_is_refused(shape):
    with pytest.raises(PlanError, match="input 'data' has the shape"):
        Plan(small(), {"data": shape})


@pytest.mark.parametrize(("name", "phase"), [("", None), ("c", "LEARN")])
def test_a_row_wants_a_name_and_a_known_phase(name, phase):
    with pytest.raises(PlanError, match=r"give it a name|it is TRAIN, TEST or None"):
        Layer(name, "ReLU", phase=phase)


def test_arrays_that_caffe_could_not_hold_are_refused():
    words = r"layer 'big' \(InnerProduct\): 'weight' holds 3,221,225,472 numbers, and an array of"
    with pytest.raises(PlanError, match=words):
        Plan([Layer("big", "InnerProduct", num_output=2**20)], {"data": (1, 3, 32, 32)})


def test_a_row_is_shown_as_a_script_writes_it():
    row = Layer("conv1", "Convolution", num_output=8, kernel_size=(3, 1))
    assert repr(row) == "Layer('conv1', 'Convolution', num_output=8, kernel_size=(3, 1))"
    more = Layer(
        "drop", "Dropout", ["a", "b"], "c", phase="TRAIN", param=[{"lr_mult": 0}], dropout_ratio=0.5
    )
    for each in (row, more, *Plan(small(), IMAGE).layers):
        assert eval(repr(each), {"Layer": Layer}) == each
