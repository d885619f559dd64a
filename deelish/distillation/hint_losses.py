"""Losses on the features of inner layers, each written once for every engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deelish.distillation.losses import TINY
from deelish.engines.base import Engine


@dataclass(frozen=True)
class Features:
    """What a loss compares: feature maps (n, channels, h, w) of student and teacher."""

    engine: Engine
    student: Any
    teacher: Any


def fitnet(features: Features) -> Any:
    """Mean over all elements of (projected student - teacher)^2.

    Romero et al. 2015, equation 3, as a mean as in the CRD protocol (Tian et al. 2020). The student
    has the teacher's channels, by a projection that is trained with it.
    """
    distance = features.student - features.teacher
    return features.engine.sum(distance * distance) / _size(distance)


def cosine(features: Features) -> Any:
    """Mean over the images of 1 - the cosine between student and teacher.

    SimReg (Navaneet et al. 2021) regresses a teacher's embeddings; the cosine of them is the
    summary loss of AM-RADIO (Ranzinger et al. 2024). The student has the teacher's channels, by a
    projection that is trained with it.
    """
    engine, images = features.engine, features.student.shape[0]
    student, teacher = (blob.reshape((images, -1)) for blob in (features.student, features.teacher))
    lengths = (engine.sum(student * student, 1) + TINY) ** 0.5
    others = (engine.sum(teacher * teacher, 1) + TINY) ** 0.5
    return 1 - engine.sum(engine.sum(student * teacher, 1) / lengths / others) / images


def gaussian(features: Features) -> Any:
    """Mean over the images of KL(teacher || student) between diagonal Gaussians, in nats.

    The first half of the channels holds means, the second the logarithms of variances, as
    GaussianSample reads them. Kingma and Welling 2014, appendix B, with the teacher's Gaussian in
    place of the normal one.
    """
    engine, images = features.engine, features.student.shape[0]
    (means, logs), (other, other_logs) = (
        _halves(blob) for blob in (features.student, features.teacher)
    )
    distance = means - other
    spread = (engine.exp(other_logs) + distance * distance) * engine.exp(-logs)
    return engine.sum(logs - other_logs + spread - 1) / (2 * images)


def _halves(blob: Any) -> tuple[Any, Any]:
    half = blob.shape[1] // 2
    return blob[:, :half], blob[:, half:]


def attention(features: Features) -> Any:
    """Mean over positions of the squared difference of maps a / |a|, a the sum of squared channels.

    Zagoruyko and Komodakis 2017, equation 2, with p = 2; squared and averaged as in their code.
    """
    engine = features.engine
    student, teacher = (_attention(engine, blob) for blob in (features.student, features.teacher))
    distance = student - teacher
    return engine.sum(distance * distance) / _size(distance)


def _attention(engine: Engine, blob: Any) -> Any:
    """(n, c, h, w) -> (n, h * w), each row of length 1."""
    maps = engine.sum(blob * blob, 1).reshape((blob.shape[0], -1))
    return maps / (engine.sum(maps * maps, 1) + TINY) ** 0.5


def relational(features: Features, distance: float, angle: float) -> Any:
    """`distance` * mean h(d_student - d_teacher) + `angle` * mean h(cos_student - cos_teacher).

    Park, Kim, Lu and Cho 2019, section 3.2. d are the distances of all pairs of the batch over
    their mean, cos the cosines in all triangles, h is Huber's loss with its knee at 1. The sums
    are means, as in the CRD protocol. The triangles take n^3 numbers.
    """
    engine = features.engine
    student, teacher = (_Relations(engine, blob) for blob in (features.student, features.teacher))
    if not student.pairs or not teacher.pairs:
        # One image, or equal images, make no pair.
        return engine.sum(features.student) * 0
    loss = _huber(engine, student.distances() - teacher.distances()) * distance
    if angle:
        loss = loss + _huber(engine, student.cosines() - teacher.cosines()) * angle
    return loss


class _Relations:
    """Distances and angles between the images of a batch, from their products alone."""

    def __init__(self, engine: Engine, blob: Any) -> None:
        self.engine, self.count = engine, blob.shape[0]
        rows = blob.reshape((self.count, -1))
        # Centred rows are short, so that rounding does not spoil the differences of products.
        rows = rows - engine.sum(rows, 0) / self.count
        self.products = engine.matmul(rows, rows.T)
        self.squares = engine.sum(rows * rows, 1)
        apart = self.squares + self.squares.T - self.products * 2
        numbers = engine.numpy(apart)
        # Only rounding separates copies of one image; they count as no pair.
        apart_enough = (numbers > 1e-6 * numbers.mean()) & ~np.eye(self.count, dtype=bool)
        self.pairs = int(apart_enough.sum())
        self.mask = engine.array(apart_enough.astype(np.float32))
        # A root's gradient at 0 is infinite: where there is no pair, its argument is 1.
        self.lengths = (apart * self.mask + (1 - self.mask)) ** 0.5

    def distances(self) -> Any:
        """(n, n): over the mean of all pairs; 0 where there is no pair."""
        lengths = self.lengths * self.mask
        return lengths / (self.engine.sum(lengths) / self.pairs)

    def cosines(self) -> Any:
        """(n, n, n): at [i, j, k] the cosine of the angle at j; 0 where i, j or j, k is no pair."""
        n, products = self.count, self.products
        sides = products.reshape((n, 1, n)) - products.reshape((n, n, 1))
        sides = sides - products.reshape((1, n, n)) + self.squares.reshape((1, n, 1))
        inverse = self.mask / self.lengths
        return sides * inverse.reshape((n, n, 1)) * inverse.reshape((1, n, n))


def _huber(engine: Engine, differences: Any) -> Any:
    """Mean of d^2 / 2 up to |d| = 1, of |d| - 1/2 beyond: c d - c^2 / 2 with c = d cut at 1."""
    cut = engine.array(np.clip(engine.numpy(differences), -1, 1))
    return engine.sum(cut * differences - cut * cut / 2) / _size(differences)


def same_size(features: Features) -> Features:
    """Both at the smaller height and the smaller width of the two, by averages over regions."""
    height, width = (
        min(features.student.shape[axis], features.teacher.shape[axis]) for axis in (2, 3)
    )
    student, teacher = (
        pooled(features.engine, blob, height, width)
        for blob in (features.student, features.teacher)
    )
    return replace(features, student=student, teacher=teacher)


def pooled(engine: Engine, blob: Any, height: int, width: int) -> Any:
    """(n, c, h, w) -> (n, c, height, width): means over regions of nearly equal size.

    The regions are those of PyTorch's adaptive_avg_pool2d: from floor(i h / height) to
    ceil((i + 1) h / height).
    """
    if blob.shape[3] != width:
        blob = engine.matmul(blob, engine.array(_averages(blob.shape[3], width).T.copy()))
    if blob.shape[2] != height:
        blob = engine.matmul(engine.array(_averages(blob.shape[2], height)), blob)
    return blob


def _averages(side: int, outputs: int) -> np.ndarray:
    """float32 (outputs, side): each row averages one region."""
    matrix = np.zeros((outputs, side), np.float32)
    for row in range(outputs):
        start, end = row * side // outputs, -(-(row + 1) * side // outputs)
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def _size(values: Any) -> int:
    return int(np.prod(values.shape))
