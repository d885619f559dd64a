"""Kinds that judge scores: the losses, and Accuracy. Labels are float32 blobs of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deelish.errors import PlanError
from deelish.plan.kind import LayerKind
from deelish.plan.layers.gaussian import half
from deelish.plan.shapes import Args, Shape, axis_of, listed

_MODES = ("FULL", "VALID", "BATCH_SIZE", "NONE")


def normalization(args: Args, default: str = "VALID") -> str:
    """What a loss is divided by: FULL, VALID, BATCH_SIZE or NONE.

    The older `normalize` counts only where `normalization` is not given, and `default`, the
    layer's own, only where neither is (LossParameter in caffe.proto).
    """
    mode, older = args["normalization"], args.get("normalize")
    if mode is None and older is not None:
        mode = "VALID" if older else "BATCH_SIZE"
    if mode is None:
        mode = default
    if mode not in _MODES:
        raise PlanError(f"normalization is {mode!r}; it is {' or '.join(_MODES)}")
    return str(mode)


def softmax_loss(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scores and labels -> (), and the probabilities as a second top."""
    _check_batch(bottoms)
    _check_labels(args["axis"], bottoms)
    normalization(args)
    return [(), bottoms[0]][:tops]


def infogain_loss(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scores, labels and a matrix of classes by classes -> (), and the probabilities."""
    classes = _check_labels(args["axis"], bottoms)
    if len(bottoms) < 3:
        raise PlanError(
            f"has its matrix in a file, source {args['source']!r}; give it as a third bottom"
        )
    _check_batch(bottoms)
    normalization(args)
    if math.prod(bottoms[2]) != classes**2:
        raise PlanError(f"reads a matrix {bottoms[2]} for {classes} classes; give it a row a class")
    return [(), bottoms[0]][:tops]


def accuracy(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scores and labels -> (), and the accuracy of each class, (classes,), as a second top."""
    classes = _check_labels(args["axis"], bottoms)
    if args["top_k"] > classes:
        raise PlanError(f"top_k is {args['top_k']} of {classes} classes; choose less")
    return [(), (classes,)][:tops]


def of_equal_counts(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Two blobs of as many numbers an image -> ()."""
    _check_batch(bottoms)
    if math.prod(bottoms[0]) != math.prod(bottoms[1]):
        raise PlanError(f"reads {listed(bottoms)}; both hold as many numbers an image")
    return [()]


def sigmoid_loss(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scores, and a target between 0 and 1 for each -> ()."""
    normalization(args)
    return of_equal_counts(args, bottoms, tops)


def gaussian_divergence(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """(n, 2 k, ...) -> (): the mean over the images of KL(Gaussian || normal), in nats.

    Kingma and Welling 2014, appendix B. It reads what GaussianSample reads.
    """
    half(bottoms[0])
    return [()]


def of_one_label(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Scores (n, ...) and a label an image -> ()."""
    _check_batch(bottoms)
    _check_one(bottoms[1])
    return [()]


def contrastive_loss(args: Args, bottoms: Sequence[Shape], tops: int) -> list[Shape]:
    """Two blobs (n, c), and for each pair whether it is alike, (n,) -> ()."""
    _check_batch(bottoms)
    for shape in bottoms[:2]:
        if shape[:2] != bottoms[0][:2] or math.prod(shape[2:]) != 1:
            raise PlanError(f"reads {listed(bottoms[:2])}; give two of (batch, channels)")
    _check_one(bottoms[2])
    return [()]


def _check_batch(bottoms: Sequence[Shape]) -> None:
    if bottoms[0][0] != bottoms[1][0]:
        raise PlanError(f"reads {listed(bottoms[:2])}; make the first sides equal")


def _check_labels(axis: int, bottoms: Sequence[Shape]) -> int:
    """How many classes there are on an axis with one label for each of its vectors."""
    scores, labels = bottoms[0], bottoms[1]
    axis = axis_of(axis, len(scores))
    wanted = (*scores[:axis], *scores[axis + 1 :])
    if math.prod(wanted) != math.prod(labels):
        raise PlanError(
            f"reads scores {scores} and labels {labels}; with classes on axis {axis} the labels"
            f" are {wanted}"
        )
    return scores[axis]


def _check_one(labels: Shape) -> None:
    if math.prod(labels[1:]) != 1:
        raise PlanError(f"reads labels {labels}; give one an image")


_LOSS: dict[str, Any] = {"ignore_label": None, "normalization": None}

KINDS = {
    "SoftmaxWithLoss": LayerKind(
        {"axis": 1, **_LOSS, "normalize": None},
        softmax_loss,
        bottoms=(2, 2),
        tops=(1, 2),
        scores=True,
    ),
    "EuclideanLoss": LayerKind({}, of_equal_counts, bottoms=(2, 2)),
    "HingeLoss": LayerKind(
        {"norm": "L1"}, of_one_label, bottoms=(2, 2), scores=True, choices={"norm": ("L1", "L2")}
    ),
    "SigmoidCrossEntropyLoss": LayerKind(
        {**_LOSS, "normalize": None}, sigmoid_loss, bottoms=(2, 2), scores=True
    ),
    "GaussianKL": LayerKind({"loss_weight": 1.0}, gaussian_divergence, penalty=True, caffe=False),
    "MultinomialLogisticLoss": LayerKind({}, of_one_label, bottoms=(2, 2)),
    "InfogainLoss": LayerKind(
        {"axis": 1, "source": "", **_LOSS},
        infogain_loss,
        bottoms=(2, 3),
        tops=(1, 2),
        scores=True,
    ),
    "ContrastiveLoss": LayerKind(
        {"margin": 1.0, "legacy_version": False}, contrastive_loss, bottoms=(3, 3)
    ),
    "Accuracy": LayerKind(
        {"top_k": 1, "axis": 1, "ignore_label": None},
        accuracy,
        bottoms=(2, 2),
        tops=(1, 2),
        scores=True,
    ),
}
