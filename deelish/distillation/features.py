"""Learning a teacher's features: pooled, standardised, compared through a learnt projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deelish.common.suggestions import nearest
from deelish.distillation.checks import check_features
from deelish.distillation.hint_losses import Features, cosine, fitnet
from deelish.distillation.memory import TeachingMemory
from deelish.errors import TrainingError
from deelish.network.learner import Learner
from deelish.network.outputs import FeatureTensor, OutputTensor
from deelish.network.pooling import mean_over_positions

# By name, `Features` (n, channels, 1, 1) -> scalar.
FEATURE_LOSSES: dict[str, Callable[[Features], Any]] = {"cosine": cosine, "mse": fitnet}
# The names of `FEATURE_LOSSES`, for editors and type checkers.
FeatureLossName = Literal["cosine", "mse"]

WEIGHTS = ("alpha", "weight", "label_weight")


def is_features(given: Any) -> bool:
    """Whether a student is given a teacher's features, and not its logits."""
    return isinstance(given, FeatureTensor) and not isinstance(given, OutputTensor)


@dataclass(frozen=True)
class FeatureLoss:
    """How a student learns features: the loss by name, the student's blob, the given weights."""

    name: str
    blob: str
    weights: Mapping[str, Any]


def configure_feature_loss(
    student: Learner, loss: Any, hint: Any, layer: Any, options: Mapping[str, Any]
) -> FeatureLoss:
    """The loss with its options, checked; they are those of `backprop`, under its names.

    Raises:
        TrainingError: an option that is about logits, or another loss.
        PlanError: the student has no such layer, or its last layer cannot be found.
    """
    others = [*([] if hint is None else ["hint"]), *(key for key in options if key not in WEIGHTS)]
    if others:
        raise TrainingError(
            f"{student.name}.backprop: {others[0]}= is about a teacher's logits, and features were"
            " given; leave it out, or pass distill=teacher.batch_feature(x)"
        )
    name = "cosine" if loss is None else loss
    if not isinstance(name, str) or name not in FEATURE_LOSSES:
        known = f"give one of {', '.join(FEATURE_LOSSES)}"
        cure = nearest(name, FEATURE_LOSSES) if isinstance(name, str) else known
        raise TrainingError(f"{student.name}.backprop: features have no loss {name!r}; {cure}")
    if not isinstance(layer, str | None):
        raise TrainingError(
            f"{student.name}.backprop: layer={layer!r}; give the name of a layer of the student"
        )
    blob = student.embedding_blob if layer is None else student.training_blob(layer)
    return FeatureLoss(name, blob, options)


def feature_loss(
    student: Learner, blob: Any, given: FeatureTensor, loss: FeatureLoss, memory: TeachingMemory
) -> tuple[Any, np.ndarray]:
    """The loss between the projected student and the standardised teacher, and the teacher's.

    The loss is the engine's scalar, the teacher's features (n, channels) are pooled. Those that are
    not finite are not counted in the running mean; the caller refuses them.

    Args:
        student: the network in training.
        blob: what its layer made of the batch, with gradients.
        given: the teacher's features of the same images.
        loss: which loss, and of which layer of the student.
        memory: holds the projection and the running mean and deviation.

    Raises:
        TrainingError: features of other images, with other axes than (n, channels), (n, tokens,
            channels) or (n, channels, height, width), or with more or fewer channels than in the
            batches before.
    """
    check_features(student, given, memory)
    engine, images, pair = student.engine, memory.images.rows, (given.owner, given.layer)
    own = mean_over_positions(engine, blob, images, f"{loss.blob!r} of {student.name}")
    teacher = given.engine.numpy(given.pooled)
    what = f"{given.layer!r} of {given.owner.name if given.owner else 'the teacher'}"
    channels, outputs = own.shape[1], teacher.shape[1]
    project = memory.projection((student, *pair, loss.blob), channels, outputs)
    if (project.channels, project.outputs) != (channels, outputs):
        raise TrainingError(
            f"{student.name}.backprop: {channels} channels of {loss.blob!r} are to learn {outputs}"
            f" of {what}, and in the batches before {project.channels} learnt {project.outputs};"
            " give the same features in every batch"
        )
    projected = project(own.reshape((images, channels, 1, 1)), training=memory.training)
    standard = memory.standardised(pair, teacher).reshape((images, outputs, 1, 1))
    features = Features(engine, projected, engine.array(standard))
    return FEATURE_LOSSES[loss.name](features), teacher
