"""One pass over a list of images: what each network answers, and how far it is from the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deelish.common.progress import Bar
from deelish.comparison.entrants import Entrant
from deelish.comparison.pictures import ImageList
from deelish.errors import TrainingError

AMONG = 5


@dataclass(frozen=True)
class Answers:
    """What a network answers to each of n images; every array is (n,).

    first: the class with the highest logit.  confidence: its probability.  correct: whether it is
    the true one.  agrees: whether the teacher has the same first class.  among: whether that class
    is one of the teacher's five highest.  divergence: KL(teacher || network) at temperature 1, in
    nats.
    """

    first: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray
    agrees: np.ndarray
    among: np.ndarray
    divergence: np.ndarray


def answers(logits: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> Answers:
    """The answers of one batch from logits (n, classes) of both, and the true labels (n,)."""
    own, other = log_softmax(logits), log_softmax(teacher)
    first = own.argmax(1)
    # A stable sort of the negative: equal scores come in the order of the classes.
    best = np.argsort(-other, axis=1, kind="stable")[:, :AMONG]
    return Answers(
        first=first,
        confidence=np.exp(own.max(1)),
        correct=first == labels,
        agrees=first == best[:, 0],
        among=(best == first[:, None]).any(1),
        divergence=np.maximum((np.exp(other) * (other - own)).sum(1), 0),
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities along axis 1, float64."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def measure(images: ImageList, entrants: Sequence[Entrant]) -> dict[str, Answers]:
    """The answers to all images by the key of the entrant, each in the order of the list.

    The first entrant is the teacher, the second the student whose numbers the bar shows.

    Raises:
        TrainingError: an answer is NaN or infinite.
    """
    teacher, student = (each.key for each in entrants[:2])
    answering = [(each, each.logits) for each in entrants if each.logits is not None]
    batches: dict[str, list[Answers]] = {each.key: [] for each, _ in answering}
    seen = 0
    with Bar("compare", len(images.items)) as bar:
        for batch, labels in images:
            logits = {}
            for each, answer in answering:
                logits[each.key] = answer(batch)
                _check_finite(each, logits[each.key], images, seen)
            for key, own in logits.items():
                batches[key].append(answers(own, logits[teacher], labels))
            seen += len(batch)
            bar.step(len(batch), *_shown(batches[student][-1]))
    return {key: _joined(parts) for key, parts in batches.items()}


def _shown(made: Answers) -> tuple[float, float, float]:
    """What the bar shows of a batch of the first student."""
    means = (made.divergence.mean(), made.correct.mean(), made.agrees.mean())
    return float(means[0]), float(means[1]), float(means[2])


def _check_finite(entrant: Entrant, logits: np.ndarray, images: ImageList, start: int) -> None:
    bad = np.flatnonzero(~np.isfinite(logits).all(1))
    if len(bad):
        raise TrainingError(
            f"{entrant.network.name}: its answer to {images.items[start + bad[0]].path} is NaN or"
            " infinite; load weights that are numbers, or train it at a lower rate"
        )


def _joined(parts: Sequence[Answers]) -> Answers:
    names = Answers.__dataclass_fields__
    return Answers(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )
