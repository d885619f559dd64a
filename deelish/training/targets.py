"""The labels of a batch, checked: one class an image, or class probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from deelish.common.checks import is_number
from deelish.distillation.label_order import label_order
from deelish.distillation.losses import cross_entropy
from deelish.distillation.memory import TeachingMemory
from deelish.errors import DataError, TrainingError
from deelish.images.lists import check_labels
from deelish.network.forward import Forward
from deelish.network.learner import Learner
from deelish.network.tensors import LabelTensor, Tensor


@dataclass(frozen=True)
class Targets:
    """The true labels of a batch.

    Attributes:
        labels: int64 (n,), the class of each image; the most probable one where images are mixed.
            None where the images have none.
        probabilities: float32 (n, classes), class probabilities where images are mixed, or None.
        label_smoothing: the part of each target that all classes share alike, 0 to 1.
    """

    labels: np.ndarray | None
    probabilities: np.ndarray | None = None
    label_smoothing: float = 0.0

    def loss(self, network: Learner, forward: Forward) -> Any:
        """Cross-entropy of the logits, plus the weighted one of each auxiliary classifier.

        Raises:
            TrainingError: the images have no labels.
        """
        engine = network.engine
        truth = self.labels if self.probabilities is None else self.probabilities
        if truth is None:
            raise TrainingError(
                f"{network.name}.backprop: alpha= or label_weight= weighs a loss on labels, and"
                " these images have none; leave it out"
            )
        loss = cross_entropy(engine, forward.output.content, truth, self.label_smoothing)
        for scores, weight in forward.heads:
            loss = loss + cross_entropy(engine, scores, truth, self.label_smoothing) * weight
        return loss

    def accuracy(self, predicted: np.ndarray) -> float:
        """The fraction of the predicted classes (n,) that is right; NaN without labels."""
        return math.nan if self.labels is None else float((predicted == self.labels).mean())


def check_label_smoothing(network: Learner, given: Any, labelled: bool) -> None:
    """Refuse a label smoothing outside 0 to 1, or any of a loss without a part on labels.

    Raises:
        TrainingError: it is one of these, or no number.
    """
    if not is_number(given) or not 0 <= given <= 1:
        raise TrainingError(
            f"{network.name}.backprop: label_smoothing={given!r}; give a number from 0 to 1, such"
            " as 0.1"
        )
    if given and not labelled:
        raise TrainingError(
            f"{network.name}.backprop: label_smoothing= smooths labels, and the loss has no part on"
            " labels; pass workout's t beside distill=, or leave it out"
        )


def targets_of(network: Learner, t: Any, memory: TeachingMemory) -> Targets:
    """The targets in workout's t, in n whole numbers, or in class probabilities (n, classes).

    Labels of class folders are found by name among the network's classes; all others are indices.

    Raises:
        TrainingError: logits of a network, an array of another shape or type, or the t of images
            without labels.
        DataError: a label outside of the network's classes, rows that are no probabilities, or
            class folders that only in part have the names of its classes.
    """
    images = memory.images.rows
    if isinstance(t, Tensor) and not isinstance(t, LabelTensor):
        raise TrainingError(
            f"{network.name}.backprop: t is {t!r}, where labels are needed; pass distill=True to"
            " learn from it"
        )
    if isinstance(t, LabelTensor) and not t.known:
        raise TrainingError(
            f"{network.name}.backprop: these images have no labels; learn from a teacher alone,"
            " with logits = teacher.batch_feature(x) and backprop(logits, distill=True)"
        )
    engine = network.engine
    if isinstance(t, LabelTensor):
        values: Any = _own_labels(network, t, label_order(network, memory))
    else:
        values = engine.numpy(t) if engine.is_own(t) else t
    labels = np.asarray(values)
    if labels.dtype.kind not in "biuf":
        raise TrainingError(
            f"{network.name}.backprop: t is {type(t).__name__}, where labels are needed; pass"
            " workout's t"
        )
    if labels.dtype.kind == "f" and labels.ndim == 2 and len(labels) == images:
        return _from_probabilities(network, labels)
    if labels.shape != (images,) or labels.dtype.kind not in "iu":
        raise TrainingError(
            f"{network.name}.backprop: labels are {labels.dtype} {labels.shape}; the batch needs"
            f" {images} whole numbers; pass workout's t"
        )
    if labels.min() < 0 or labels.max() >= network.classes:
        if isinstance(t, LabelTensor):
            check_labels(t.samples, network.classes, network.name)
        raise DataError(
            f"{network.name}.backprop: labels go from {labels.min()} to {labels.max()}, but it has"
            f" {network.classes} classes (0 to {network.classes - 1}); pass labels="
        )
    return Targets(labels.astype(np.int64))


def _own_labels(network: Learner, t: LabelTensor, order: np.ndarray | None) -> np.ndarray:
    """The labels as the network numbers its classes: (n,), or the probabilities (n, classes)."""
    if t.probabilities is None:
        return t.value if order is None else order[t.value]
    if order is None:
        return _fitted(t.probabilities, network)
    made = np.zeros((len(t.probabilities), network.classes), np.float32)
    there = order >= 0
    made[:, order[there]] = t.probabilities[:, : len(order)][:, there]
    return made


def _fitted(probabilities: np.ndarray, network: Learner) -> np.ndarray:
    """The probabilities as wide as the network; a batch's fit the largest of the session."""
    if not probabilities[:, network.classes :].any():
        probabilities = probabilities[:, : network.classes]
    missing = max(0, network.classes - probabilities.shape[1])
    return np.pad(probabilities, ((0, 0), (0, missing)))


def _from_probabilities(network: Learner, probabilities: np.ndarray) -> Targets:
    if probabilities.shape[1] != network.classes:
        raise DataError(
            f"{network.name}.backprop: t has probabilities of {probabilities.shape[1]} classes, but"
            f" it has {network.classes}; give as many"
        )
    if not (probabilities.min() >= 0 and np.allclose(probabilities.sum(1), 1, atol=1e-3)):
        raise DataError(
            f"{network.name}.backprop: t has class probabilities that are below 0 or whose rows do"
            " not sum to 1; give probabilities"
        )
    return Targets(probabilities.argmax(1), probabilities.astype(np.float32))


def known_targets(network: Learner, memory: TeachingMemory) -> Targets:
    """The targets in the images' own labels; none where these are not the network's classes."""
    try:
        return targets_of(network, memory.images.labels, memory)
    except (DataError, TrainingError):
        return Targets(None)
