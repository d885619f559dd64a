"""The losses and Accuracy in PyTorch against Caffe's formulas, number by number."""

import math

import numpy as np
import pytest
import torch
from one_layer import call, gradients_hold, run

from deelish.errors import DataError

rng = np.random.default_rng(0)
SCORES = rng.normal(size=(4, 6, 2, 3)).astype(np.float32)
marks = rng.integers(0, 6, (4, 2, 3))


def softmax(x, axis=1):
    e = np.exp(x.astype(np.float64))
    return e / e.sum(axis, keepdims=True)


def divisor(mode, count, outer, whole):
    return max(1, {"FULL": whole, "VALID": count, "BATCH_SIZE": outer, "NONE": 1}[mode])


MODES = [
    ({}, "VALID"),
    ({"normalization": "FULL"}, "FULL"),
    ({"normalization": "BATCH_SIZE"}, "BATCH_SIZE"),
    ({"normalization": "NONE"}, "NONE"),
    ({"normalize": False}, "BATCH_SIZE"),
    ({"normalize": True}, "VALID"),
    # The older word counts only where the newer is not given.
    ({"normalization": "VALID", "normalize": False}, "VALID"),
]


@pytest.mark.parametrize(("args", "mode"), MODES)
@pytest.mark.parametrize("ignored", [None, 1])
def test_softmax_with_loss(args, mode, ignored):
    kept = marks != ignored
    loss, probabilities = run(
        "SoftmaxWithLoss", SCORES, marks, tops=2, ignore_label=ignored, **args
    )
    assert np.allclose(probabilities, softmax(SCORES), atol=1e-6)
    picked = np.take_along_axis(softmax(SCORES), marks[:, None], 1)[:, 0]
    wanted = -np.log(picked)[kept].sum() / divisor(mode, kept.sum(), 4, marks.size)
    assert loss == pytest.approx(wanted, rel=1e-6)


def test_softmax_with_loss_over_another_axis():
    labels = rng.integers(0, 3, (4, 6, 2))
    (loss,) = run("SoftmaxWithLoss", SCORES, labels, axis=-1, normalization="BATCH_SIZE")
    picked = np.take_along_axis(softmax(SCORES, 3), labels[..., None], 3)
    assert loss == pytest.approx(-np.log(picked).sum() / (4 * 6 * 2), rel=1e-6)


def test_a_probability_of_almost_zero_counts_as_the_smallest_float_but_keeps_its_gradient():
    scores = torch.tensor([[0.0, -1000.0]], requires_grad=True)
    (loss,) = call("SoftmaxWithLoss", [scores, torch.tensor([1.0])])
    assert loss.item() == pytest.approx(-math.log(np.finfo(np.float32).tiny))
    loss.backward()
    assert scores.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("type", ["SoftmaxWithLoss", "Accuracy", "InfogainLoss"])
def test_where_all_labels_are_ignored_there_is_no_loss(type):
    bottoms = [SCORES, np.full((4, 2, 3), 255), *([np.eye(6)] if type == "InfogainLoss" else [])]
    assert run(type, *bottoms, ignore_label=255)[0] == 0


@pytest.mark.parametrize("type", ["SoftmaxWithLoss", "Accuracy"])
@pytest.mark.parametrize("label", [-1, 6])
def test_a_label_outside_of_the_classes_is_refused(type, label):
    words = rf"a label is {label} where there are 6 classes; labels are 0 to 5, or name it in"
    with pytest.raises(DataError, match=words):
        run(type, SCORES, np.where(marks == 2, label, marks))


@pytest.mark.parametrize("type", ["HingeLoss", "MultinomialLogisticLoss"])
def test_a_loss_that_ignores_no_label_does_not_say_so(type):
    with pytest.raises(DataError, match=r"a label is 3 where .*; labels are 0 to 2$"):
        run(type, np.eye(3), [0, 1, 3])


def test_euclidean_loss():
    x, y = rng.normal(size=(2, 4, 6))
    (loss,) = run("EuclideanLoss", x, y.reshape(4, 6, 1, 1))
    assert loss == pytest.approx(((x - y) ** 2).sum() / 8, rel=1e-6)


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_hinge_loss(norm):
    x, labels = rng.normal(size=(4, 6)), np.array([0, 5, 2, 2])
    signs = np.ones((4, 6))
    signs[range(4), labels] = -1
    margins = np.maximum(0, 1 + signs * x)
    (loss,) = run("HingeLoss", x, labels, norm=norm)
    assert loss == pytest.approx((margins if norm == "L1" else margins**2).sum() / 4, rel=1e-6)


@pytest.mark.parametrize(
    ("args", "mode"), [({}, "BATCH_SIZE"), *MODES[1:], ({"ignore_label": 0}, "BATCH_SIZE")]
)
def test_sigmoid_cross_entropy_loss(args, mode):
    x, targets = rng.normal(size=(4, 6)) * 3, rng.uniform(0, 1.2, (4, 6))
    p = 1 / (1 + np.exp(-x))
    losses = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    # Caffe cuts a target to a whole number before it compares.
    kept = targets >= 1 if "ignore_label" in args else np.ones_like(targets, bool)
    (loss,) = run("SigmoidCrossEntropyLoss", x, targets, **args)
    wanted = losses[kept].sum() / divisor(mode, kept.sum(), 4, 24)
    assert loss == pytest.approx(wanted, rel=1e-5)


def test_multinomial_logistic_loss():
    p, labels = softmax(rng.normal(size=(4, 6))), np.array([0, 5, 2, 2])
    p[0, 0] = 0
    (loss,) = run("MultinomialLogisticLoss", p, labels)
    wanted = -np.log(np.maximum(p[range(4), labels], 1e-20)).sum() / 4
    assert loss == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("args", "mode"), [MODES[0], MODES[1], MODES[2]])
def test_infogain_loss(args, mode):
    matrix = rng.uniform(size=(6, 6))
    kept = marks != 1
    loss, probabilities = run("InfogainLoss", SCORES, marks, matrix, tops=2, ignore_label=1, **args)
    assert np.allclose(probabilities, softmax(SCORES), atol=1e-6)
    logs = np.moveaxis(np.log(softmax(SCORES)), 1, -1)
    wanted = -(matrix[marks] * logs).sum(-1)[kept].sum()
    assert loss == pytest.approx(wanted / divisor(mode, kept.sum(), 4, marks.size), rel=1e-6)


@pytest.mark.parametrize("legacy", [False, True])
def test_contrastive_loss(legacy):
    a, b = rng.normal(size=(2, 5, 3))
    alike = np.array([1, 0, 0, 1, 0])
    squares = ((a - b) ** 2).sum(1)
    apart = np.maximum(2 - squares, 0) if legacy else np.maximum(2 - np.sqrt(squares), 0) ** 2
    (loss,) = run("ContrastiveLoss", a, b, alike, margin=2.0, legacy_version=legacy)
    assert loss == pytest.approx(np.where(alike, squares, apart).sum() / 10, rel=1e-6)


def test_the_gradient_of_the_contrastive_loss_is_caffes_also_where_both_are_equal():
    a = torch.tensor([[3.0, 0.0], [0.1, 0.2], [1.0, 1.0]], requires_grad=True)
    b = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    (loss,) = call("ContrastiveLoss", [a, b, torch.tensor([1.0, 0.0, 0.0])])
    loss.backward()
    distance = math.hypot(0.1, 0.2)
    pull = -(1 - distance) / (distance + 1e-4) / 3
    wanted = [[2 / 3, 0], [0.1 * pull, 0.2 * pull], [0, 0]]
    assert np.allclose(a.grad.numpy(), wanted, rtol=1e-5)


@pytest.mark.parametrize("top_k", [1, 3])
def test_accuracy(top_k):
    kept = marks != 1
    accuracy, each = run("Accuracy", SCORES, marks, tops=2, top_k=top_k, ignore_label=1)
    rank = (-SCORES).argsort(1)[:, :top_k]
    right = (rank == marks[:, None]).any(1) & kept
    assert accuracy == pytest.approx(right.sum() / kept.sum())
    classes = [(right[marks == c].mean() if (marks == c).any() else 0) for c in range(6)]
    assert each == pytest.approx(classes)


def test_ties_count_against_the_label():
    scores = np.array([[1, 1, 0], [2, 1, 1]])
    assert run("Accuracy", scores, [0, 1])[0] == 0
    assert run("Accuracy", scores, [0, 1], top_k=2)[0] == 0.5
    assert run("Accuracy", scores, [0, 1], top_k=3)[0] == 1


ROWS, OTHERS = rng.normal(size=(2, 3, 4))


@pytest.mark.parametrize(
    ("type", "moving", "fixed", "args"),
    [
        ("SoftmaxWithLoss", [SCORES[:2]], [marks[:2]], {"ignore_label": 1}),
        ("InfogainLoss", [ROWS], [[0, 1, 3], rng.uniform(size=(4, 4))], {}),
        ("EuclideanLoss", [ROWS, OTHERS], [], {}),
        ("HingeLoss", [ROWS], [[0, 1, 3]], {"norm": "L2"}),
        ("SigmoidCrossEntropyLoss", [ROWS], [rng.uniform(size=(3, 4))], {}),
        ("MultinomialLogisticLoss", [softmax(ROWS)], [[0, 1, 3]], {}),
        ("ContrastiveLoss", [ROWS, OTHERS], [[1, 0, 0]], {"legacy_version": True}),
    ],
)
def test_gradients(type, moving, fixed, args):
    assert gradients_hold(type, moving, fixed=fixed, **args)
