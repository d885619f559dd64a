"""Losses on logits, each written once for every engine, and the table of those known by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from deelish.engines.base import Engine

# Squares below this are 0: the root's gradient at 0 is infinite, and times 0 it is NaN.
TINY = 1e-24
# Subtracted from a logit, it leaves the class no probability.
EXCLUDED = 1e9


@dataclass(frozen=True)
class LogitPair:
    """What a loss compares: logits (n, classes) of student and teacher, and labels int64 (n,).

    `labels` is None where the images have none.
    """

    engine: Engine
    student: Any
    teacher: Any
    labels: np.ndarray | None

    @property
    def count(self) -> int:
        """Images in the batch."""
        return int(self.student.shape[0])


def cross_entropy(
    engine: Engine, logits: Any, labels: np.ndarray, label_smoothing: float = 0.0
) -> Any:
    """Mean over the batch of -sum p log q: logits (n, classes) -> scalar.

    `labels` are int64 (n,), each p all on one class, or float32 (n, classes), p itself.
    `label_smoothing` s makes each p (1 - s) p + s / classes (Szegedy, Vanhoucke, Ioffe, Shlens and
    Wojna 2016, section 7).
    """
    logarithms = engine.log_softmax(logits)
    if labels.ndim == 1:
        loss = -engine.sum(engine.gather(logarithms, labels)) / len(labels)
    else:
        loss = -engine.sum(engine.array(labels) * logarithms) / len(labels)
    if label_smoothing == 0:
        return loss
    even = -engine.sum(logarithms) / (len(labels) * logits.shape[1])
    return loss * (1 - label_smoothing) + even * label_smoothing


def kd(pair: LogitPair, temperature: float) -> Any:
    """T^2 / n * sum over the batch of KL(softmax(teacher / T) || softmax(student / T)).

    Hinton, Vinyals and Dean 2015, section 2: T^2 keeps the gradient's size when T changes.
    """
    engine = pair.engine
    teacher, student = pair.teacher / temperature, pair.student / temperature
    # Not log(softmax(teacher)): it is -inf where a probability underflows.
    distance = engine.log_softmax(teacher) - engine.log_softmax(student)
    return engine.sum(engine.softmax(teacher) * distance) * (temperature**2 / pair.count)


def soft_cross_entropy(pair: LogitPair, temperature: float) -> Any:
    """-T^2 / n * sum over the batch of softmax(teacher / T) * log softmax(student / T).

    Hinton, Vinyals and Dean 2015, section 2. Its gradient is that of `kd`. Its minimum is the
    teacher's entropy, not 0.
    """
    engine = pair.engine
    targets = engine.softmax(pair.teacher / temperature)
    logarithms = engine.log_softmax(pair.student / temperature)
    return -engine.sum(targets * logarithms) * (temperature**2 / pair.count)


def mse(pair: LogitPair) -> Any:
    """1 / (2 n) * sum over the batch of |student - teacher|^2.

    Ba and Caruana 2014, section 2: regression on the logits.
    """
    distance = pair.student - pair.teacher
    return pair.engine.sum(distance * distance) / (2 * pair.count)


def dkd(pair: LogitPair, temperature: float, tckd: float, nckd: float) -> Any:
    """T^2 / n * sum over the batch of tckd * TCKD + nckd * NCKD.

    Zhao, Cui, Song, Qiu and Liang 2022, section 3. p is the probability of the true class.
    TCKD is the divergence of (p, 1 - p). NCKD is that of the other classes' probabilities, divided
    by their sum. For each image `kd` is TCKD + (1 - p of the teacher) * NCKD, so that NCKD hardly
    counts where the teacher is confident.
    """
    engine, labels = pair.engine, np.asarray(pair.labels)
    away = np.zeros((pair.count, pair.student.shape[1]), np.float32)
    away[np.arange(len(labels)), labels] = EXCLUDED
    teacher, student = pair.teacher / temperature, pair.student / temperature
    others = engine.softmax(teacher - engine.array(away))
    teacher_log, student_log = (engine.log_softmax(logits) for logits in (teacher, student))
    teacher_others, student_others = (
        engine.log_softmax(logits - engine.array(away)) for logits in (teacher, student)
    )
    # log(1 - p) without 1 - p, which is 0 for a confident teacher: over the other classes the two
    # logarithms differ by exactly log(1 - p).
    rest = [
        engine.sum(others * (all_of - some), 1)
        for all_of, some in ((teacher_log, teacher_others), (student_log, student_others))
    ]
    true = engine.gather(engine.softmax(teacher), labels)
    own = true * (engine.gather(teacher_log, labels) - engine.gather(student_log, labels))
    left = (1 - true) * (rest[0] - rest[1]).reshape((pair.count,))
    target = engine.sum(own + left)
    other = engine.sum(others * (teacher_others - student_others))
    return (target * tckd + other * nckd) * (temperature**2 / pair.count)


def dist(pair: LogitPair, temperature: float, beta: float, gamma: float) -> Any:
    """T^2 * (beta * (1 - mean r over images) + gamma * (1 - mean r over classes)).

    Huang, You, Wang, Qian and Xu 2022, section 3. r is Pearson's correlation of the
    probabilities of student and teacher: of an image over the classes, of a class over the batch.
    T^2 is not in the paper; it is in the authors' code.
    """
    engine = pair.engine
    student = engine.softmax(pair.student / temperature)
    teacher = engine.softmax(pair.teacher / temperature)
    between, within = (1 - _correlation(engine, student, teacher, axis) for axis in (1, 0))
    return (between * beta + within * gamma) * temperature**2


def _correlation(engine: Engine, a: Any, b: Any, axis: int) -> Any:
    """The mean of Pearson's correlation along an axis; 0 for rows that do not vary.

    The authors' 1e-8 on the product of the norms lowers it for classes that no image is near.
    """
    side = a.shape[axis]
    a, b = (values - engine.sum(values, axis) / side for values in (a, b))
    norms = [(engine.sum(values * values, axis) + TINY) ** 0.5 for values in (a, b)]
    each = engine.sum(a * b, axis) / (norms[0] * norms[1] + 1e-8)
    return engine.sum(each) / (a.shape[0] * a.shape[1] // side)


def standardised(pair: LogitPair) -> LogitPair:
    """Z-scores of both networks' logits: less the row's mean, over its standard deviation.

    Sun, Ren, Li, Wang and Cao 2024, section 3: only the order and the relative
    distance of the classes remain. The authors take T = 2 and nine times the weight with it.
    """
    scores = [_z_score(pair.engine, logits) for logits in (pair.student, pair.teacher)]
    return replace(pair, student=scores[0], teacher=scores[1])


def _z_score(engine: Engine, logits: Any) -> Any:
    classes = logits.shape[1]
    centred = logits - engine.sum(logits, 1) / classes
    # A row of equal logits becomes 0, and its gradient stays finite.
    return centred / (engine.sum(centred * centred, 1) / classes + 1e-12) ** 0.5


@dataclass(frozen=True)
class Loss:
    """A loss by name.

    Attributes:
        function: a `LogitPair` and the options -> scalar.
        options: its own, with the published values.
        weights: of the teacher's part and of the labels' part, where labels count too.
        needs_labels: whether it needs the true class of each image.
        across_batch: whether it compares images with each other, and so needs the whole batch.
    """

    function: Callable[..., Any]
    options: Mapping[str, float]
    weights: tuple[float, float] = (0.5, 0.5)
    needs_labels: bool = False
    across_batch: bool = False


# The names of `LOSSES`, for editors and type checkers.
LossName = Literal["kd", "mse", "cross_entropy", "dkd", "dist"]

# A temperature of 1 is that of ImageNet (Beyer et al. 2022: 1 to 2); the CRD protocol on CIFAR-100
# (Tian et al. 2020) takes 4. Halves are those of DeiT (Touvron et al. 2021). `cross_entropy` has
# the gradient of `kd`, and so its weights. Ba and Caruana 2014 train by `mse` on the logits
# alone. With labels it takes halves too, since `kd` tends to it as T grows (Hinton, section 2.1).
LOSSES: dict[str, Loss] = {
    "kd": Loss(kd, {"temperature": 1.0}),
    "mse": Loss(mse, {}),
    "cross_entropy": Loss(soft_cross_entropy, {"temperature": 1.0}),
    # The authors' settings for CIFAR-100, where weight= rises over 20 epochs; ImageNet: T = 1 and
    # nckd = 0.5.
    "dkd": Loss(dkd, {"temperature": 4.0, "tckd": 1.0, "nckd": 8.0}, (1.0, 1.0), True),
    # The authors' settings for ImageNet; CIFAR-100: T = 4.
    "dist": Loss(
        dist, {"temperature": 1.0, "beta": 1.0, "gamma": 1.0}, (2.0, 1.0), across_batch=True
    ),
}
