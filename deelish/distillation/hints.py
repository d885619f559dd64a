"""Hints: losses on pairs of inner layers, one of the student and one of the teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

from deelish.common.checks import is_number
from deelish.common.suggestions import nearest
from deelish.distillation.across_batch import over_whole_batch
from deelish.distillation.feature_maps import map_of
from deelish.distillation.hint_losses import (
    Features,
    attention,
    fitnet,
    gaussian,
    relational,
    same_size,
)
from deelish.distillation.memory import TeachingMemory
from deelish.distillation.weighting import Weight, at_epoch
from deelish.errors import TrainingError
from deelish.network.learner import Learner
from deelish.network.outputs import FeatureTensor, OutputTensor
from deelish.network.predictor import Predictor


@dataclass(frozen=True)
class HintKind:
    """A loss on inner layers by name.

    Attributes:
        function: `Features` and the options -> scalar.
        weight: the published weight.
        options: its own, with the published values.
        projects: whether the student is projected to the teacher's channels first.
        spatial: whether it compares positions: both maps need the same ones, and several.
        alike: whether both blobs need one shape, with an even number of channels.
        across_batch: whether it compares images with each other, and so needs the whole batch.
    """

    function: Callable[..., Any]
    weight: float
    options: Mapping[str, float] = field(default_factory=dict)
    projects: bool = False
    spatial: bool = False
    alike: bool = False
    across_batch: bool = False


# The weights are those of the CRD protocol (Tian et al. 2020) on CIFAR-100, with cross-entropy.
HINTS: dict[str, HintKind] = {
    "fitnet": HintKind(fitnet, 100.0, projects=True),
    "attention": HintKind(attention, 1000.0, spatial=True),
    "relational": HintKind(relational, 1.0, {"distance": 25.0, "angle": 50.0}, across_batch=True),
    "gaussian": HintKind(gaussian, 1.0, alike=True),
}


@dataclass(frozen=True)
class Hint:
    """One pair of layers, with its kind of loss."""

    student: str
    teacher: str
    kind: str
    weight: Any
    options: tuple[tuple[str, float], ...]


# The names of `HINTS`, for editors and type checkers.
HintName = Literal["fitnet", "attention", "relational", "gaussian"]


class HintOptions(TypedDict):
    """One hint in full; which of the options a kind takes is in `HINTS`."""

    student: str
    teacher: str
    kind: NotRequired[HintName]
    weight: NotRequired[Weight]
    distance: NotRequired[float]
    angle: NotRequired[float]


HintPair = tuple[str, str] | HintOptions


def hints_of(given: Any) -> list[Hint]:
    """The hints in `hint=`.

    Args:
        given: a pair (student's layer, teacher's layer), a dict with `student`, `teacher` and what
            differs of `kind`, `weight` and the kind's options, or a list of these.

    Raises:
        TrainingError: something else, an unknown kind or option, or a value out of range.
    """
    if given is None:
        return []
    if isinstance(given, Mapping) or _is_pair(given):
        return [_hint(given)]
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise _unreadable(given)
    return [_hint(one) for one in given]


def _is_pair(given: Any) -> bool:
    pair = isinstance(given, tuple) and len(given) == 2
    return pair and all(isinstance(layer, str) for layer in given)


def _unreadable(given: Any) -> TrainingError:
    return TrainingError(
        f"backprop: hint={given!r}; give a pair of layers ('student layer', 'teacher layer'), a"
        " list of such pairs, or dict(student=..., teacher=..., kind=..., weight=...)"
    )


def _hint(given: Any) -> Hint:
    layers = ("student", "teacher")
    if _is_pair(given):
        given = dict(zip(layers, given, strict=True))
    if not isinstance(given, Mapping) or not all(isinstance(given.get(k), str) for k in layers):
        raise _unreadable(given)
    name = given.get("kind", "fitnet")
    if not isinstance(name, str) or name not in HINTS:
        raise TrainingError(f"backprop: there is no hint {name!r}; {nearest(str(name), HINTS)}")
    kind = HINTS[name]
    known = (*layers, "kind", "weight", *kind.options)
    for key in given:
        if key not in known:
            raise TrainingError(
                f"backprop: hint {name!r} takes no {key!r}; it takes {', '.join(known)}"
            )
    options = {key: given.get(key, value) for key, value in kind.options.items()}
    for key, value in options.items():
        if not is_number(value) or value < 0:
            raise TrainingError(f"backprop: hint {name!r} has {key}={value!r}; give 0 or more")
    weight = given.get("weight", kind.weight)
    return Hint(given["student"], given["teacher"], name, weight, tuple(options.items()))


def student_blobs(student: Learner, hints: Sequence[Hint]) -> list[str]:
    """The student's blobs that the hints compare.

    Raises:
        PlanError: there is no such layer, or it does not run in training.
    """
    return [student.training_blob(hint.student) for hint in hints]


def hint_loss(
    student: Learner,
    output: OutputTensor,
    teacher: Any,
    hints: Sequence[Hint],
    memory: TeachingMemory,
) -> Any:
    """The weighted sum of the hints, a scalar of the student's engine.

    Args:
        student, output: the network in training, and its output with the blobs.
        teacher: the teacher's output for the same images.
        hints: the pairs of layers.
        memory: holds the projections, and which blobs are computed with the logits.
    """
    total: Any = 0
    for hint in hints:
        owner = _owner(student, teacher, hint.teacher)
        blobs = (
            output.features[student.blob_of(hint.student)],
            teacher_feature(student, owner, teacher, hint.teacher, memory),
        )
        total = total + _one(student, owner, hint, blobs, memory)
    return total


def _one(
    student: Learner, teacher: Predictor, hint: Hint, blobs: tuple[Any, Any], memory: TeachingMemory
) -> Any:
    kind, engine = HINTS[hint.kind], student.engine
    maps = [
        map_of(engine, blob, owner, layer)
        for blob, owner, layer in zip(
            blobs, (student, teacher), (hint.student, hint.teacher), strict=True
        )
    ]
    features = Features(engine, *maps)
    if kind.projects or kind.spatial:
        features = same_size(features)
    if kind.alike:
        _check_alike(student, teacher, hint, features)
    if kind.spatial and features.student.shape[2] * features.student.shape[3] == 1:
        raise TrainingError(
            f"backprop: hint {hint.kind!r} compares positions, and {hint.student!r} of"
            f" {student.name} and {hint.teacher!r} of {teacher.name} have only one in common; name"
            " earlier layers"
        )
    if kind.projects:
        channels = features.student.shape[1], features.teacher.shape[1]
        project = memory.projection((student, teacher, hint.student, hint.teacher), *channels)
        projected = project(features.student, training=memory.training)
        features = Features(engine, projected, features.teacher)
    weight = at_epoch("weight", hint.weight, memory.epoch)
    return _value(kind, hint, features, memory.fraction) * weight


def _value(kind: HintKind, hint: Hint, features: Features, fraction: float) -> Any:
    options = dict(hint.options)
    if not kind.across_batch:
        return kind.function(features, **options)

    def of_whole(student: Any, teacher: Any) -> Any:
        return kind.function(Features(features.engine, student, teacher), **options)

    return over_whole_batch(features.engine, fraction, of_whole, features.student, features.teacher)


def _check_alike(student: Learner, teacher: Predictor, hint: Hint, features: Features) -> None:
    own, other = (tuple(blob.shape[1:]) for blob in (features.student, features.teacher))
    if own != other or own[0] % 2:
        raise TrainingError(
            f"backprop: hint {hint.kind!r} compares means and logarithms of variances, and"
            f" {hint.student!r} of {student.name} is {own}, {hint.teacher!r} of {teacher.name}"
            f" {other}; name the layers that GaussianSample reads, of codes of one length"
        )


def _owner(student: Learner, given: Any, layer: str) -> Predictor:
    """The teacher that computed these logits.

    Raises:
        TrainingError: they are an array, which has no layers.
    """
    owner = given.owner if isinstance(given, FeatureTensor) else None
    if owner is None:
        raise TrainingError(
            f"{student.name}.backprop: hint= needs the logits of a network, whose layer {layer!r}"
            " it compares, and got an array; pass logits = teacher.batch_feature(x)"
        )
    return owner


def teacher_feature(
    student: Learner, owner: Predictor, given: FeatureTensor, layer: str, memory: TeachingMemory
) -> Any:
    """The features of a teacher's layer: a tensor of the student's engine, without gradients.

    A network computes them with its logits from the second batch on, and runs again for the first.
    A teacher of another library runs again for each.

    Raises:
        PlanError: the teacher has no such layer, or its layers cannot be seen.
    """
    blob = owner.blob_of(layer)
    features = given.features if isinstance(given, OutputTensor) else {}
    if blob not in features:
        features[blob] = owner.feature_of(memory.images, layer, reduced=True)
    memory.read(owner, blob)
    content, engine = features[blob], student.engine
    if given.engine is not engine:
        return engine.array(given.engine.numpy(content))
    return engine.detach(content)
