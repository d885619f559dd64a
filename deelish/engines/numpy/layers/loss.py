"""Layers that judge scores, in NumPy: the losses, and Accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deelish.engines.numpy.layers.activation import softmax
from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.engines.refusals import no_class
from deelish.plan.layers.loss import normalization
from deelish.plan.shapes import axis_of

# The smallest probability that each layer takes the logarithm of: FLT_MIN, and kLOG_THRESHOLD.
_SMALLEST = float(np.finfo(np.float32).tiny)
_THRESHOLD = 1e-20


class _Judged(NamedTuple):
    """The positions whose label counts: their values by class, (counted, classes), and labels.

    `outer` is how many there are before the axis of the classes, `positions` how many in all.
    """

    rows: Array
    labels: Array
    outer: int
    positions: int


def _judged(values: Array, labels: Array, axis: int, a: Args) -> _Judged:
    """A position is a vector of classes along the axis, with one label.

    Raises:
        DataError: a label that counts is none of the classes.
    """
    axis = axis_of(axis, values.ndim)
    classes = values.shape[axis]
    rows = np.moveaxis(values, axis, -1).reshape(-1, classes)
    whole = labels.ravel().astype(np.int64)
    counted = np.flatnonzero(whole != a.get("ignore_label"))
    outside = counted[(whole[counted] < 0) | (whole[counted] >= classes)]
    if outside.size:
        raise no_class(int(whole[outside[0]]), classes, "ignore_label" in a)
    return _Judged(rows[counted], whole[counted], math.prod(values.shape[:axis]), len(rows))


def _divisor(mode: str, positions: int, counted: int, outer: int) -> int:
    """What the sum of losses is divided by; Caffe never divides by less than 1."""
    return max(1, {"FULL": positions, "VALID": counted, "BATCH_SIZE": outer, "NONE": 1}[mode])


def _softmax_loss(x: Sequence[Array], a: Args, tops: int) -> list[Array]:
    """The sum of -log p[label] (softmax_loss_layer.cpp), and p."""
    p = softmax(x[0], a["axis"])
    rows, labels, outer, positions = _judged(p, x[1], a["axis"], a)
    own = rows[np.arange(len(rows)), labels]
    total = -np.log(np.maximum(own, _SMALLEST)).sum()
    loss = total / _divisor(normalization(a), positions, len(rows), outer)
    return [loss, p][:tops]


def _infogain_loss(x: Sequence[Array], a: Args, tops: int) -> list[Array]:
    """The sum over all classes l of -matrix[label, l] log p[l] (infogain_loss_layer.cpp)."""
    p = softmax(x[0], a["axis"])
    rows, labels, outer, positions = _judged(p, x[1], a["axis"], a)
    gains = x[2].reshape(rows.shape[1], rows.shape[1])[labels]
    total = -(gains * np.log(np.maximum(rows, _THRESHOLD))).sum()
    loss = total / _divisor(normalization(a), positions, len(rows), outer)
    return [loss, p][:tops]


def _sigmoid_loss(x: Sequence[Array], a: Args) -> Array:
    """The sum of -t log s(x) - (1 - t) log (1 - s(x)), s the sigmoid.

    Which is x (1 - t) + log(1 + e^-x) from 0 on, and -x t + log(1 + e^x) below. Caffe cuts a target
    to a whole number before it compares it with ignore_label
    (sigmoid_cross_entropy_loss_layer.cpp).
    """
    scores, targets = x[0].ravel(), x[1].ravel()
    each = scores * ((scores >= 0) - targets) + np.log1p(np.exp(-np.abs(scores)))
    counted = np.flatnonzero(np.trunc(targets) != a["ignore_label"])
    mode = normalization(a, "BATCH_SIZE")
    return each[counted].sum() / _divisor(mode, each.size, counted.size, len(x[0]))


def _euclidean_loss(x: Sequence[Array]) -> Array:
    return ((x[0].ravel() - x[1].ravel()) ** 2).sum() / (2 * len(x[0]))


def _hinge_loss(x: Sequence[Array], a: Args) -> Array:
    """The sum of max(0, 1 - score) of the label's class and max(0, 1 + score) of the others."""
    rows, labels, *_ = _judged(x[0].reshape(len(x[0]), -1), x[1], 1, a)
    own = labels[:, None] == np.arange(rows.shape[1])
    margins = np.maximum(0, 1 + np.where(own, -rows, rows))
    return (margins if a["norm"] == "L1" else margins**2).sum() / len(x[0])


def _multinomial_loss(x: Sequence[Array], a: Args) -> Array:
    """The mean of -log p[label] (multinomial_logistic_loss_layer.cpp)."""
    rows, labels, *_ = _judged(x[0].reshape(len(x[0]), -1), x[1], 1, a)
    own = rows[np.arange(len(rows)), labels]
    return -np.log(np.maximum(own, _THRESHOLD)).sum() / len(rows)


def _contrastive_loss(x: Sequence[Array], a: Args) -> Array:
    """Half the mean of d^2 of pairs that are similar and max(0, margin - d)^2 of the others.

    Hadsell et al. 2006, d the distance; the legacy version has max(0, margin - d^2) for these.
    """
    n = len(x[0])
    squares = ((x[0].reshape(n, -1) - x[1].reshape(n, -1)) ** 2).sum(1)
    apart = np.maximum(0, a["margin"] - np.sqrt(squares)) ** 2
    if a["legacy_version"]:
        apart = np.maximum(0, a["margin"] - squares)
    similar = np.trunc(x[2].ravel()) != 0
    return np.where(similar, squares, apart).sum() / (2 * n)


def _accuracy(x: Sequence[Array], a: Args, tops: int) -> list[Array]:
    """The fraction of labels of which fewer than top_k other classes score as high; by class, too.

    Where no label counts, the accuracy is 0 (accuracy_layer.cpp).
    """
    rows, labels, *_ = _judged(x[0], x[1], a["axis"], a)
    own = rows[np.arange(len(rows)), labels]
    right = (rows >= own[:, None]).sum(1) - 1 < a["top_k"]
    groups = [right[labels == label] for label in range(rows.shape[1])]
    accuracies = [group.sum() / max(1, group.size) for group in (right, *groups)]
    return [accuracies[0], accuracies[1:]][:tops]


def _gaussian_divergence(x: Array) -> Array:
    """The mean over the images of half the sum of m^2 + v - 1 - log v."""
    means, logs = np.split(x, 2, axis=1)
    return (means**2 + np.exp(logs) - 1 - logs).sum() / (2 * len(x))


OPS: dict[str, Op] = {
    "SoftmaxWithLoss": lambda x, p, a, c: _softmax_loss(x, a, c.tops),
    "EuclideanLoss": lambda x, p, a, c: _euclidean_loss(x),
    "HingeLoss": lambda x, p, a, c: _hinge_loss(x, a),
    "SigmoidCrossEntropyLoss": lambda x, p, a, c: _sigmoid_loss(x, a),
    "GaussianKL": lambda x, p, a, c: _gaussian_divergence(x[0]),
    "MultinomialLogisticLoss": lambda x, p, a, c: _multinomial_loss(x, a),
    "InfogainLoss": lambda x, p, a, c: _infogain_loss(x, a, c.tops),
    "ContrastiveLoss": lambda x, p, a, c: _contrastive_loss(x, a),
    "Accuracy": lambda x, p, a, c: _accuracy(x, a, c.tops),
}
