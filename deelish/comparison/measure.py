"""One pass over a list of images: each network's predictions, compared with the teacher's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deelish.common.progress import Bar
from deelish.comparison.sequences import AnyList
from deelish.comparison.variants import Variant
from deelish.errors import TrainingError

TOP = 5


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for n images; every array is (n,).

    predicted: the class with the highest logit.  confidence: its probability.  correct: whether it
    is the true class.  agrees: whether the teacher predicts it too.  in_top_5: whether it is one of
    the teacher's five highest.  divergence: KL(teacher || network) at temperature 1, in nats.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray
    agrees: np.ndarray
    in_top_5: np.ndarray
    divergence: np.ndarray


def predictions(logits: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> Predictions:
    """The predictions for one batch from logits (n, classes) of both and true labels (n,)."""
    own, other = log_softmax(logits), log_softmax(teacher)
    predicted = own.argmax(1)
    # A stable sort of the negative keeps equal logits in the order of the classes.
    best = np.argsort(-other, axis=1, kind="stable")[:, :TOP]
    return Predictions(
        predicted=predicted,
        confidence=np.exp(own.max(1)),
        correct=predicted == labels,
        agrees=predicted == best[:, 0],
        in_top_5=(best == predicted[:, None]).any(1),
        divergence=np.maximum((np.exp(other) * (other - own)).sum(1), 0),
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities along axis 1, float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def measure(images: AnyList, variants: Sequence[Variant]) -> dict[str, Predictions]:
    """The predictions for all images by the key of the variant, in the order of the list.

    The first variant is the teacher, the second the student whose numbers the bar shows.

    Raises:
        TrainingError: a logit is NaN or infinite.
    """
    teacher, student = (each.key for each in variants[:2])
    runnable = [(each, each.logits) for each in variants if each.logits is not None]
    batches: dict[str, list[Predictions]] = {each.key: [] for each, _ in runnable}
    labels, seen = images.labels, 0
    with Bar("compare", len(images.items)) as bar:
        for batch in images:
            own_labels = labels[seen : seen + batch.rows]
            logits = {}
            for each, logits_of in runnable:
                logits[each.key] = logits_of(batch)
                _check_finite(each, logits[each.key], images, seen)
            for key, own in logits.items():
                batches[key].append(predictions(own, logits[teacher], own_labels))
            seen += batch.rows
            bar.step(batch.rows, *_shown(batches[student][-1]))
    return {key: _joined(parts) for key, parts in batches.items()}


def _shown(made: Predictions) -> tuple[float, float, float]:
    """The numbers in the bar: those of a batch of the first student."""
    means = (made.divergence.mean(), made.correct.mean(), made.agrees.mean())
    return float(means[0]), float(means[1]), float(means[2])


def _check_finite(variant: Variant, logits: np.ndarray, images: AnyList, start: int) -> None:
    bad = np.flatnonzero(~np.isfinite(logits).all(1))
    if len(bad):
        raise TrainingError(
            f"{variant.network.name}: its logits for {images.items[start + bad[0]].path} are NaN"
            " or infinite; load weights that are finite, or train it at a lower learning rate"
        )


def _joined(parts: Sequence[Predictions]) -> Predictions:
    names = Predictions.__dataclass_fields__
    return Predictions(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )
