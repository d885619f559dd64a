"""Rules of the losses and of Accuracy: shapes and refusals."""

import pytest
from one_layer import shapes

from deelish.errors import PlanError
from deelish.plan import Layer, Plan

SCORES, LABELS = (4, 6, 2, 3), (4, 2, 3)


@pytest.mark.parametrize(
    ("type", "bottoms", "args"),
    [
        ("SoftmaxWithLoss", [SCORES, LABELS], {"ignore_label": 1}),
        ("SoftmaxWithLoss", [SCORES, (4, 1, 2, 3)], {}),
        ("SoftmaxWithLoss", [(4, 2, 6), (4, 2)], {"axis": -1}),
        ("InfogainLoss", [SCORES, LABELS, (1, 1, 6, 6)], {}),
        ("Accuracy", [SCORES, LABELS], {"top_k": 6}),
        ("EuclideanLoss", [(4, 6), (4, 6, 1, 1)], {}),
        ("HingeLoss", [(4, 6), (4,)], {}),
        ("SigmoidCrossEntropyLoss", [SCORES, SCORES], {"normalization": "NONE"}),
        ("MultinomialLogisticLoss", [(4, 6), (4, 1, 1, 1)], {}),
        ("ContrastiveLoss", [(4, 6), (4, 6, 1, 1), (4,)], {}),
    ],
)
def test_a_loss_is_one_number_of_no_axis(type, bottoms, args):
    assert shapes(type, *bottoms, **args) == [()]


@pytest.mark.parametrize(
    ("type", "bottoms", "second"),
    [
        ("SoftmaxWithLoss", [SCORES, LABELS], SCORES),
        ("InfogainLoss", [SCORES, LABELS, (6, 6)], SCORES),
        ("Accuracy", [SCORES, LABELS], (6,)),
    ],
)
def test_second_tops(type, bottoms, second):
    assert shapes(type, *bottoms, tops=2) == [(), second]


def test_the_logits_of_a_net_that_ends_in_a_loss_are_what_it_judges():
    rows = [
        Layer("score", "InnerProduct", "data", num_output=3),
        Layer("accuracy", "Accuracy", ["score", "label"]),
        Layer("loss", "SoftmaxWithLoss", ["score", "label"]),
    ]
    plan = Plan(rows, {"data": (1, 4), "label": (1,)})
    assert plan.logits == "score"
    assert plan.outputs == ["accuracy", "loss"]


@pytest.mark.parametrize(
    ("type", "bottoms", "args", "words"),
    [
        ("SoftmaxWithLoss", [SCORES, (3, 2, 4)], {}, r"make the first sides equal"),
        (
            "SoftmaxWithLoss",
            [SCORES, (4, 2)],
            {},
            r"scores \(4, 6, 2, 3\) and labels \(4, 2\); with classes on axis 1 .* \(4, 2, 3\)",
        ),
        ("SoftmaxWithLoss", [SCORES, LABELS], {"axis": 4}, r"axis is 4; give a whole number"),
        (
            "SoftmaxWithLoss",
            [SCORES, LABELS],
            {"normalization": "SUM"},
            r"normalization is 'SUM'; it is FULL or VALID or BATCH_SIZE or NONE",
        ),
        ("Accuracy", [SCORES, LABELS], {"top_k": 7}, r"top_k is 7 of 6 classes; choose less"),
        ("Accuracy", [SCORES, (4,)], {}, r"the labels are \(4, 2, 3\)"),
        ("EuclideanLoss", [(4, 6), (4, 5)], {}, r"both hold as many numbers an image"),
        ("HingeLoss", [(4, 6), (4, 2)], {}, r"reads labels \(4, 2\); give one an image"),
        ("SigmoidCrossEntropyLoss", [(4, 6), (4, 5)], {}, r"both hold as many numbers"),
        ("MultinomialLogisticLoss", [(4, 6), (3,)], {}, r"make the first sides equal"),
        (
            "InfogainLoss",
            [SCORES, LABELS],
            {"source": "h.binaryproto"},
            r"has its matrix in a file, source 'h.binaryproto'; give it as a third bottom",
        ),
        ("InfogainLoss", [SCORES, LABELS, (6,)], {}, r"a matrix \(6,\) for 6 classes"),
        ("ContrastiveLoss", [(4, 6), (4, 5), (4,)], {}, r"give two of \(batch, channels\)"),
        ("ContrastiveLoss", [(4, 6), (4, 6), (4, 6)], {}, r"reads labels \(4, 6\); give one"),
    ],
)
def test_what_caffe_refuses(type, bottoms, args, words):
    with pytest.raises(PlanError, match=words):
        shapes(type, *bottoms, **args)


def test_an_unknown_norm_is_refused():
    row = Layer("it", "HingeLoss", ["score", "label"], norm="L3")
    with pytest.raises(PlanError, match=r"layer 'it' \(HingeLoss\): norm is 'L3'; it is L1 or L2"):
        Plan([row], {"score": (1, 4), "label": (1,)})
