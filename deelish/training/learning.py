"""One step of learning: what `backprop` does with the batch that a network classified last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deelish.distillation.losses import cross_entropy, soft_targets
from deelish.distillation.teacher import teacher_logits
from deelish.errors import DataError, TrainingError
from deelish.images.lists import check_labels
from deelish.session import current_session
from deelish.tensor import LabelTensor, ScoreTensor, Tensor

if TYPE_CHECKING:
    from deelish.network import Network
    from deelish.training.run import Run

# Published defaults for ImageNet: a temperature of 1 (Beyer et al. 2022: 1 to 2), and half of the
# loss from the labels where they are given (DeiT, Touvron et al. 2021). The CRD protocol on CIFAR
# (Tian et al. 2020) takes 4 and 0.9.
TEMPERATURE = 1.0
ALPHA = 0.5


class Outcome(NamedTuple):
    """What a batch gave: its loss, and the share of its images whose true label came first."""

    loss: float
    accuracy: float


@dataclass
class Pending:
    """A student's answer that waits for `backprop`, with the scores of its auxiliary heads."""

    answer: ScoreTensor
    heads: dict[str, Any]


def backprop(
    network: Network, t: Any, distill: Any, temperature: float, alpha: float | None
) -> Outcome:
    """Loss of the batch, an update of the weights in training, and the accuracy.

    On labels: cross-entropy, plus that of the auxiliary classifiers by their weights.
    From a teacher: alpha * soft targets + (1 - alpha) * cross-entropy. alpha is 1 for
    ``distill=True``, and 0.5 where labels are given as well.

    Raises:
        TrainingError: outside of a workout, before `classify`, or a teacher that cannot teach.
        DataError: labels outside of the network's classes.
    """
    run = _running(network)
    pending = _pending(network, run)
    mixed = not isinstance(distill, bool)
    labels = _labels(network, t if mixed or not distill else run.images.labels, run)
    engine = network.session.engine
    logits = pending.answer.content
    if distill is False:
        loss, teacher = _label_loss(network, pending, labels), None
    else:
        teacher = teacher_logits(network, distill if mixed else t, run)
        share = (ALPHA if mixed else 1.0) if alpha is None else alpha
        _check(temperature, share)
        loss = soft_targets(engine, logits, teacher, temperature) * share
        if share < 1:
            loss = loss + _label_loss(network, pending, labels) * (1 - share)
    number = float(engine.numpy(loss))
    _check_finite(network, number, run)
    predicted = engine.numpy(logits).argmax(1)
    if teacher is not None:
        run.agreement(float((predicted == engine.numpy(teacher).argmax(1)).mean()))
    if run.training:
        run.update(network, loss)
    network.pending = None
    return Outcome(number, float((predicted == labels).mean()))


def _running(network: Network) -> Run:
    run = current_session().run
    if run is None:
        raise TrainingError(
            f"{network.name}.backprop: works on the batches of a workout; write"
            " def workout(x, t): ... and BatchTrain(workout)"
        )
    return run


def _pending(network: Network, run: Run) -> Pending:
    pending = network.pending
    if pending is None or pending.answer.source is not run.images:
        raise TrainingError(
            f"{network.name}.backprop: this batch was not classified by {network.name}; call"
            f" student.classify(x) with workout's x before each student.backprop(t)"
        )
    return pending


def _label_loss(network: Network, pending: Pending, labels: np.ndarray) -> Any:
    engine = network.session.engine
    loss = cross_entropy(engine, pending.answer.content, labels)
    for name, scores in pending.heads.items():
        loss = loss + cross_entropy(engine, scores, labels) * network.plan.auxiliary[name]
    return loss


def _labels(network: Network, t: Any, run: Run) -> np.ndarray:
    """int64 (n,), each within the network's classes."""
    if isinstance(t, Tensor) and not isinstance(t, LabelTensor):
        raise TrainingError(
            f"{network.name}.backprop: t is an answer, {t!r}, where labels are wanted; pass"
            " distill=True to learn from it"
        )
    engine = network.session.engine
    values = t.value if isinstance(t, Tensor) else engine.numpy(t) if engine.is_own(t) else t
    labels = np.asarray(values)
    if labels.shape != (len(run.images),) or labels.dtype.kind not in "iu":
        raise TrainingError(
            f"{network.name}.backprop: labels are {labels.dtype} {labels.shape}; the batch wants"
            f" {len(run.images)} whole numbers; pass workout's t"
        )
    if labels.min() < 0 or labels.max() >= network.plan.classes:
        if isinstance(t, LabelTensor):
            check_labels(t.items, network.plan.classes, network.name)
        raise DataError(
            f"{network.name}.backprop: labels go from {labels.min()} to {labels.max()}, but it has"
            f" {network.plan.classes} classes (0 to {network.plan.classes - 1}); pass labels="
        )
    return labels.astype(np.int64)


def _check(temperature: float, alpha: float) -> None:
    if not (isinstance(temperature, int | float) and 0 < temperature < math.inf):
        raise TrainingError(f"backprop: temperature={temperature!r}; give a number above 0")
    if not (isinstance(alpha, int | float) and 0 <= alpha <= 1):
        raise TrainingError(
            f"backprop: alpha={alpha!r}; give the teacher's share of the loss, from 0 to 1"
        )


def _check_finite(network: Network, loss: float, run: Run) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"{network.name}: the loss is {loss} at {run.where}; the weights are those before this"
            " batch; look at its images, or train with a lower rate="
        )
