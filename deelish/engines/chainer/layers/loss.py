"""Layers that judge scores, in Chainer: the losses, and Accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.engines.refusals import no_class
from deelish.plan.layers.loss import normalization
from deelish.plan.shapes import axis_of

chainer = import_chainer()
F = chainer.functions

# The smallest probability that each layer takes the logarithm of: FLT_MIN, and kLOG_THRESHOLD.
_SMALLEST = float(np.finfo(np.float32).tiny)
_THRESHOLD = 1e-20


class _Judged(NamedTuple):
    """Scores (positions, classes), labels (positions,), which of them count, the batch's size."""

    scores: Variable
    labels: Any
    counts: Any
    outer: int


def _judged(x: Sequence[Variable], axis: int, a: Args) -> _Judged:
    """Scores and labels by position, with scores of all classes; a label that does not count is 0.

    Raises:
        DataError: a label that counts is none of the classes.
    """
    axis = axis_of(axis, x[0].ndim)
    outer, classes = math.prod(x[0].shape[:axis]), x[0].shape[axis]
    labels = x[1].array.reshape(-1).astype(np.int64)
    ignored = a.get("ignore_label")
    xp = chainer.backend.get_array_module(labels)
    counts = xp.ones(labels.shape, bool) if ignored is None else labels != ignored
    labels = xp.where(counts, labels, 0)
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise no_class(int(outside[0]), classes, "ignore_label" in a)
    scores = F.moveaxis(x[0], axis, -1).reshape(-1, classes)
    # Chainer's kernels index with 32 bits.
    return _Judged(scores, labels.astype(np.int32), counts, outer)


def _divided(loss: Variable, mode: str, counts: Any, outer: int) -> Variable:
    """The sum of losses by the mode of `normalization`; Caffe never divides by less than 1."""
    if mode == "VALID":
        return loss / max(1, int(counts.sum()))
    return loss / max(1, {"FULL": counts.size, "BATCH_SIZE": outer, "NONE": 1}[mode])


def _log_softmax(scores: Variable, smallest: float) -> Variable:
    """Caffe's logarithm of no less than `smallest`, with the gradient of the logarithm itself."""
    exact = F.log_softmax(scores)
    return exact.array.clip(math.log(smallest), None) + (exact - exact.array)


def _log(probabilities: Variable) -> Variable:
    """Caffe's logarithm of no less than the threshold; its gradient is 1 over what that gives."""
    xp = chainer.backend.get_array_module(probabilities)
    floored = probabilities.array.clip(_THRESHOLD, None)
    return xp.log(floored) + (probabilities - probabilities.array) / floored


def _softmax_loss(x: Sequence[Variable], a: Args, tops: int) -> list[Variable]:
    it = _judged(x, a["axis"], a)
    own = F.select_item(_log_softmax(it.scores, _SMALLEST), it.labels)
    loss = _divided(-F.sum(own * it.counts), normalization(a), it.counts, it.outer)
    return [loss, *_probabilities(x[0], a, tops)]


def _infogain_loss(x: Sequence[Variable], a: Args, tops: int) -> list[Variable]:
    """The sum over classes l of matrix[label, l] times minus the logarithm of l's probability."""
    it = _judged(x, a["axis"], a)
    classes = it.scores.shape[1]
    gains = F.embed_id(it.labels, x[2].reshape(classes, classes))
    each = F.sum(gains * _log_softmax(it.scores, _THRESHOLD), axis=1)
    loss = _divided(-F.sum(each * it.counts), normalization(a), it.counts, it.outer)
    return [loss, *_probabilities(x[0], a, tops)]


def _probabilities(scores: Variable, a: Args, tops: int) -> list[Variable]:
    return [F.softmax(scores, a["axis"])] if tops == 2 else []


def _sigmoid_loss(x: Sequence[Variable], a: Args) -> Variable:
    targets = x[1].reshape(x[0].shape)
    # Chainer's softplus overflows in its gradient; this has the same slopes, at 0 too.
    size = F.absolute(x[0])
    each = 0.5 * size + (0.5 - targets) * x[0] + F.log1p(F.exp(-size))
    ignored = a["ignore_label"]
    xp = chainer.backend.get_array_module(x[0])
    # Caffe cuts a target to a whole number before it compares: 0.7 is ignored with 0.
    counts = xp.ones(targets.shape, bool)
    if ignored is not None:
        counts = targets.array.astype(np.int64) != ignored
    mode = normalization(a, "BATCH_SIZE")
    return _divided(F.sum(each * counts), mode, counts, len(each))


def _euclidean_loss(x: Sequence[Variable]) -> Variable:
    return F.sum(F.square(x[0] - x[1].reshape(x[0].shape))) / (2 * len(x[0]))


def _hinge_loss(x: Sequence[Variable], a: Args) -> Variable:
    """One against all: max(0, 1 + score), and for the label's own class max(0, 1 - score)."""
    it = _judged([x[0].reshape(len(x[0]), -1), x[1]], 1, a)
    xp = chainer.backend.get_array_module(x[0])
    own = xp.arange(it.scores.shape[1]) == it.labels[:, None]
    margins = F.relu(1 + xp.where(own, -1, 1).astype(x[0].dtype) * it.scores)
    return F.sum(margins if a["norm"] == "L1" else F.square(margins)) / len(x[0])


def _multinomial_loss(x: Sequence[Variable], a: Args) -> Variable:
    it = _judged([x[0].reshape(len(x[0]), -1), x[1]], 1, a)
    return -F.sum(_log(F.select_item(it.scores, it.labels))) / len(x[0])


def _contrastive_loss(x: Sequence[Variable], a: Args) -> Variable:
    """Hadsell et al. 2006; the legacy version compares the margin with the squared distance."""
    n = len(x[0])
    squares = F.sum(F.square(x[0].reshape(n, -1) - x[1].reshape(n, -1)), axis=1)
    if a["legacy_version"]:
        apart = F.relu(a["margin"] - squares)
    else:
        # Caffe's gradient adds 1e-4 to the distance that it divides by.
        fixed = squares.array**0.5
        distances = fixed + (squares - squares.array) / (2 * (fixed + 1e-4))
        apart = F.square(F.relu(a["margin"] - distances))
    similar = x[2].array.reshape(n).astype(np.int64) != 0
    return F.sum(F.where(similar, squares, apart)) / (2 * n)


def _accuracy(x: Sequence[Variable], a: Args, tops: int) -> list[Variable]:
    """A label is right where at most top_k scores are as high as its own: ties count against it."""
    it = _judged(x, a["axis"], a)
    scores = it.scores.array
    xp = chainer.backend.get_array_module(scores)
    own = xp.take_along_axis(scores, it.labels[:, None], 1)
    right = ((scores >= own).sum(1) <= a["top_k"]) & it.counts
    accuracies = [right.sum() / max(1, int(it.counts.sum()))]
    if tops == 2:
        found, there = (
            xp.bincount(it.labels[which], minlength=scores.shape[1]) for which in (right, it.counts)
        )
        accuracies.append(found / xp.maximum(there, 1))
    return [chainer.Variable(xp.asarray(accuracy, x[0].dtype)) for accuracy in accuracies]


def _gaussian_divergence(x: Variable) -> Variable:
    """The mean over the images of half the sum of m^2 + v - 1 - log v."""
    means, logs = F.split_axis(x, 2, axis=1)
    return F.sum(means * means + F.exp(logs) - 1 - logs) / (2 * len(x))


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
