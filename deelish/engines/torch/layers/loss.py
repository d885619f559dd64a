"""Layers that judge scores, in PyTorch: the losses, and Accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.refusals import no_class
from deelish.engines.torch.layers.call import Args, Op
from deelish.plan.layers.loss import normalization
from deelish.plan.shapes import axis_of

# The smallest probability that each layer takes the logarithm of: FLT_MIN, and kLOG_THRESHOLD.
_SMALLEST = torch.finfo(torch.float32).tiny
_THRESHOLD = 1e-20


class _Judged(NamedTuple):
    """Scores (outer, classes, inner), labels (outer, inner), and which of these count."""

    scores: Tensor
    labels: Tensor
    counts: Tensor


def _judged(x: Sequence[Tensor], axis: int, a: Args) -> _Judged:
    """Scores and labels by classes; a label that does not count is 0 here.

    Raises:
        DataError: a label that counts is none of the classes.
    """
    axis = axis_of(axis, x[0].dim())
    outer, classes = math.prod(x[0].shape[:axis]), x[0].shape[axis]
    labels = x[1].reshape(outer, -1).long()
    ignored = a.get("ignore_label")
    counts = torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored
    labels = torch.where(counts, labels, 0)
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.numel():
        raise no_class(int(outside[0]), classes, "ignore_label" in a)
    return _Judged(x[0].reshape(outer, classes, -1), labels, counts)


def _divided(loss: Tensor, mode: str, counts: Tensor, outer: int) -> Tensor:
    """The sum of losses by the mode of `normalization`; Caffe never divides by less than 1."""
    if mode == "VALID":
        return loss / counts.sum().clamp(min=1)
    return loss / max(1, {"FULL": counts.numel(), "BATCH_SIZE": outer, "NONE": 1}[mode])


def _log_softmax(scores: Tensor, smallest: float) -> Tensor:
    """Caffe's logarithm of no less than `smallest`, with the gradient of the logarithm itself."""
    exact = F.log_softmax(scores, 1)
    return exact.detach().clamp(min=math.log(smallest)) + (exact - exact.detach())


def _log(probabilities: Tensor) -> Tensor:
    """Caffe's logarithm of no less than the threshold; its gradient is 1 over what that gives."""
    floored = probabilities.detach().clamp(min=_THRESHOLD)
    return floored.log() + (probabilities - probabilities.detach()) / floored


def _softmax_loss(x: Sequence[Tensor], a: Args, tops: int) -> list[Tensor]:
    it = _judged(x, a["axis"], a)
    own = _log_softmax(it.scores, _SMALLEST).gather(1, it.labels[:, None])[:, 0]
    loss = _divided(-(own * it.counts).sum(), normalization(a), it.counts, len(it.scores))
    return [loss, *_probabilities(x[0], a, tops)]


def _infogain_loss(x: Sequence[Tensor], a: Args, tops: int) -> list[Tensor]:
    """The sum over classes l of matrix[label, l] times minus the logarithm of l's probability."""
    it = _judged(x, a["axis"], a)
    classes = it.scores.shape[1]
    gains = x[2].reshape(classes, classes)[it.labels].movedim(2, 1)
    each = (gains * _log_softmax(it.scores, _THRESHOLD)).sum(1)
    loss = _divided(-(each * it.counts).sum(), normalization(a), it.counts, len(it.scores))
    return [loss, *_probabilities(x[0], a, tops)]


def _probabilities(scores: Tensor, a: Args, tops: int) -> list[Tensor]:
    return [F.softmax(scores, a["axis"])] if tops == 2 else []


def _sigmoid_loss(x: Sequence[Tensor], a: Args) -> Tensor:
    targets = x[1].reshape(x[0].shape)
    each = F.binary_cross_entropy_with_logits(x[0], targets, reduction="none")
    ignored = a["ignore_label"]
    # Caffe cuts a target to a whole number before it compares: 0.7 is ignored with 0.
    counts = torch.ones_like(targets, dtype=torch.bool)
    if ignored is not None:
        counts = targets.long() != ignored
    mode = normalization(a, "BATCH_SIZE")
    return _divided((each * counts).sum(), mode, counts, len(each))


def _euclidean_loss(x: Sequence[Tensor]) -> Tensor:
    return (x[0].flatten() - x[1].flatten()).square().sum() / (2 * len(x[0]))


def _hinge_loss(x: Sequence[Tensor], a: Args) -> Tensor:
    """One against all: max(0, 1 + score), and for the label's own class max(0, 1 - score)."""
    it = _judged([x[0].flatten(1), x[1]], 1, a)
    signs = torch.ones_like(it.scores).scatter(1, it.labels[:, None], -1)
    margins = F.relu(1 + signs * it.scores)
    return (margins if a["norm"] == "L1" else margins.square()).sum() / len(x[0])


def _multinomial_loss(x: Sequence[Tensor], a: Args) -> Tensor:
    it = _judged([x[0].flatten(1), x[1]], 1, a)
    return -_log(it.scores.gather(1, it.labels[:, None])).sum() / len(x[0])


def _contrastive_loss(x: Sequence[Tensor], a: Args) -> Tensor:
    """Hadsell et al. 2006; the legacy version compares the margin with the squared distance."""
    n = len(x[0])
    squares = (x[0].reshape(n, -1) - x[1].reshape(n, -1)).square().sum(1)
    if a["legacy_version"]:
        apart = F.relu(a["margin"] - squares)
    else:
        # Caffe's gradient adds 1e-4 to the distance that it divides by.
        fixed = squares.detach().sqrt()
        distances = fixed + (squares - squares.detach()) / (2 * (fixed + 1e-4))
        apart = F.relu(a["margin"] - distances).square()
    similar = x[2].flatten().long() != 0
    return torch.where(similar, squares, apart).sum() / (2 * n)


def _accuracy(x: Sequence[Tensor], a: Args, tops: int) -> list[Tensor]:
    """A label is right where at most top_k scores are as high as its own: ties count against it."""
    it = _judged(x, a["axis"], a)
    own = it.scores.gather(1, it.labels[:, None])
    right = ((it.scores >= own).sum(1) <= a["top_k"]) & it.counts
    accuracy = right.sum() / it.counts.sum().clamp(min=1)
    if tops == 1:
        return [accuracy]
    classes = it.scores.shape[1]
    found = torch.bincount(it.labels[right], minlength=classes)
    there = torch.bincount(it.labels[it.counts], minlength=classes)
    return [accuracy, found / there.clamp(min=1)]


def _gaussian_divergence(x: Tensor) -> Tensor:
    """The mean over the images of half the sum of m^2 + v - 1 - log v."""
    means, logs = x.chunk(2, 1)
    return (means.square() + logs.exp() - 1 - logs).sum() / (2 * len(x))


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
