"""One step of learning: what `backprop` does with the batch that a network classified last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from deelish.distillation.checks import teacher_logits
from deelish.distillation.choosing import Chosen, choose
from deelish.distillation.hints import Hint, hint_loss, hints_of, student_blobs
from deelish.distillation.losses import Answers
from deelish.distillation.weighting import shares
from deelish.errors import TrainingError
from deelish.language.session import current_session
from deelish.network.tensors import ScoreTensor
from deelish.training.targets import Targets, targets_of

if TYPE_CHECKING:
    from deelish.network.network import Network
    from deelish.training.run import Run


class Outcome(NamedTuple):
    """What a batch gave: its loss, and the share of its images whose true label came first."""

    loss: float
    accuracy: float


@dataclass
class Pending:
    """A student's answer that waits for `backprop`, with the scores of its auxiliary heads."""

    answer: ScoreTensor
    heads: dict[str, Any]


@dataclass(frozen=True)
class Lesson:
    """How a teacher's answer is learnt from, as a script asked for it."""

    loss: Chosen
    hints: list[Hint]
    # Whether labels were given beside the answer.
    mixed: bool


def backprop(
    network: Network, t: Any, distill: Any, loss: Any, hint: Any, options: Mapping[str, Any]
) -> Outcome:
    """Loss of the batch, an update of the weights in training, and the accuracy.

    Raises:
        TrainingError: outside of a workout, before `classify`, a teacher that cannot teach, or a
            loss, a hint or an option that is not known.
        PlanError: a hint names a layer that is not there.
        DataError: labels outside of the network's classes.
    """
    run = _running(network)
    pending = _pending(network, run)
    mixed = not isinstance(distill, bool)
    targets = targets_of(network, t if mixed or not distill else run.images.labels, run)
    engine = network.session.engine
    taught = None
    if distill is False:
        _check_alone(network, loss, hint, options)
        value = targets.loss(network, pending)
    else:
        answer = distill if mixed else t
        lesson = Lesson(choose(loss, options), hints_of(hint), mixed)
        teacher, taught = teacher_logits(network, answer, run)
        pending = _with_features(network, pending, lesson.hints, run)
        value = _taught(network, pending, targets, teacher, lesson, run)
        if lesson.hints:
            value = value + hint_loss(network, pending.answer, answer, lesson.hints, run)
    number = float(engine.numpy(value))
    _check_finite(network, number, run)
    predicted = engine.numpy(pending.answer.content).argmax(1)
    if taught is not None:
        run.agreement(float((predicted == taught.argmax(1)).mean()))
    if run.training:
        run.update(network, value)
    network.pending = None
    return Outcome(number, float((predicted == targets.labels).mean()))


def _taught(
    network: Network, pending: Pending, targets: Targets, teacher: Any, lesson: Lesson, run: Run
) -> Any:
    """The teacher's part of the loss and the labels' part, by their weights."""
    loss = lesson.loss
    if loss.of_labels and targets.shares is not None:
        raise TrainingError(
            f"{network.name}.backprop: loss {loss.name!r} wants one true class an image, and this"
            " batch mixes images; take another loss, or InputBatch without mix="
        )
    weight, label_weight = shares(loss.published, loss.weights, lesson.mixed, run.epoch)
    engine, student = network.session.engine, pending.answer.content
    value = loss(Answers(engine, student, teacher, targets.labels)) * weight
    if label_weight:
        value = value + targets.loss(network, pending) * label_weight
    return value


def _with_features(network: Network, pending: Pending, hints: list[Hint], run: Run) -> Pending:
    """The student's answer with the blobs that the hints compare beside it.

    From the second batch on they are there. For the first one the student runs again.
    """
    blobs = student_blobs(network, hints)
    for blob in blobs:
        run.keep(network, blob)
    if all(blob in pending.answer.features for blob in blobs):
        return pending
    # The batch's first student draws the same dropout, and so answers the same. What moves twice
    # on this one batch are the running means of BatchNorm, and what a user's own layers count.
    run.seed_dropout()
    return network.answered(pending.answer.source or run.images, training=run.training)


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


def _check_alone(network: Network, loss: Any, hint: Any, options: Mapping[str, Any]) -> None:
    """On labels alone there is nothing to choose."""
    given = [*(["loss"] if loss != "kd" else []), *(["hint"] if hint is not None else []), *options]
    if given:
        raise TrainingError(
            f"{network.name}.backprop: {given[0]}= is about a teacher's answer, and there is none;"
            " pass distill=answer with answer = teacher.batch_feature(x)"
        )


def _check_finite(network: Network, loss: float, run: Run) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"{network.name}: the loss is {loss} at {run.where}; the weights are those before this"
            " batch; look at its images, or train with a lower rate="
        )
