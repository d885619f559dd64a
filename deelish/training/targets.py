"""The labels of a batch, checked: one class an image, or a share of each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deelish.distillation.losses import cross_entropy
from deelish.errors import DataError, TrainingError
from deelish.images.lists import check_labels
from deelish.network.model import Forward, Model
from deelish.network.tensors import LabelTensor, Tensor


@dataclass(frozen=True)
class Targets:
    """What is true of a batch.

    Attributes:
        labels: int64 (n,), the class of each image; the largest one where images are mixed.
        shares: float32 (n, classes), the share of each class where images are mixed, or None.
    """

    labels: np.ndarray
    shares: np.ndarray | None = None

    def loss(self, network: Model, made: Forward) -> Any:
        """Cross-entropy of the logits, plus that of the auxiliary classifiers by their weights."""
        engine, truth = network.engine, self.labels if self.shares is None else self.shares
        loss = cross_entropy(engine, made.logits.content, truth)
        for name, scores in made.heads.items():
            loss = loss + cross_entropy(engine, scores, truth) * network.plan.auxiliary[name]
        return loss


def targets_of(network: Model, t: Any, images: int) -> Targets:
    """The targets in workout's t, in n whole numbers, or in an (n, classes) array of shares.

    Raises:
        TrainingError: logits of a network, or an array of another shape or type.
        DataError: a label outside of the network's classes, or shares that are none.
    """
    if isinstance(t, Tensor) and not isinstance(t, LabelTensor):
        raise TrainingError(
            f"{network.name}.backprop: t is {t!r}, where labels are needed; pass distill=True to"
            " learn from it"
        )
    engine = network.engine
    if isinstance(t, LabelTensor):
        values: Any = t.value if t.probabilities is None else _fitted(t.probabilities, network)
    else:
        values = engine.numpy(t) if engine.is_own(t) else t
    labels = np.asarray(values)
    if labels.dtype.kind == "f" and labels.ndim == 2 and len(labels) == images:
        return _shares(network, labels)
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


def _fitted(shares: np.ndarray, network: Model) -> np.ndarray:
    """The shares as wide as the network; a batch has those of the session's largest one."""
    if not shares[:, network.classes :].any():
        shares = shares[:, : network.classes]
    return np.pad(shares, ((0, 0), (0, max(0, network.classes - shares.shape[1]))))


def _shares(network: Model, shares: np.ndarray) -> Targets:
    if shares.shape[1] != network.classes:
        raise DataError(
            f"{network.name}.backprop: t holds shares of {shares.shape[1]} classes, and it has"
            f" {network.classes}; give as many"
        )
    if not (shares.min() >= 0 and np.allclose(shares.sum(1), 1, atol=1e-3)):
        raise DataError(
            f"{network.name}.backprop: t holds shares of classes that are below 0 or whose rows do"
            " not sum to 1; give probabilities"
        )
    return Targets(shares.argmax(1), shares.astype(np.float32))
