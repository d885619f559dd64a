"""What one training remembers of its teachers: checks, class orders, projections, statistics."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from deelish.distillation.projection import Projection
from deelish.distillation.standardisation import Standardisation
from deelish.engines import Context
from deelish.errors import TrainingError
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor
from deelish.network.tensors import ImageTensor


@dataclass
class TeacherRecord:
    """Counts for one teacher of one student, which show whether the two look swapped."""

    images: int = 0
    correct: int = 0
    labels: set[int] = field(default_factory=set)
    judged: bool = False


class TeachingMemory:
    """What the losses and checks of one training share from batch to batch.

    Attributes:
        epoch: how many epochs are over: 1.5 in the middle of the second.
        training: whether the batch is for training, not for validation.
        taught_by: predictors whose logits with dropout taught a student.
        logits_seen: predictors whose outputs were checked to be logits; None for bare arrays.
        orders: by student and teacher, the index of each class of the student among the teacher's
            logits, or None.
        label_orders: by network, the index of each label of class folders among its classes, or
            None.
        records: by student and teacher, the counts that show a swap.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.epoch = 0.0
        self.training = True
        self.taught_by: set[Predictor] = set()
        self.logits_seen: set[Predictor | None] = set()
        self.orders: dict[tuple[Learner, Predictor], np.ndarray | None] = {}
        self.label_orders: dict[Predictor, np.ndarray | None] = {}
        self.records: dict[tuple[Learner, Predictor], TeacherRecord] = {}
        self._images: ImageTensor | None = None
        self._projections: dict[Hashable, Projection] = {}
        self._used: set[Projection] = set()
        self._blobs: dict[Predictor, set[str]] = {}
        self._statistics: dict[Hashable, Standardisation] = {}
        self._added: set[Hashable] = set()
        self._substitute = False

    def begin(
        self, images: ImageTensor, epoch: float, *, training: bool, substitute: bool = False
    ) -> None:
        """Begin the next batch; a substitute is of images that another process has, too."""
        self._images, self.epoch, self.training = images, epoch, training
        self._substitute = substitute
        self._used.clear()
        self._added.clear()

    @property
    def images(self) -> ImageTensor:
        """The images of this batch."""
        if self._images is None:
            raise TrainingError("there is no batch yet; BatchTrain gives one to workout as x")
        return self._images

    def read(self, predictor: Predictor, blob: str) -> None:
        """From now on, compute this blob together with the logits of the predictor."""
        self._blobs.setdefault(predictor, set()).add(blob)

    def blobs_of(self, predictor: Predictor) -> set[str]:
        """The inner blobs that are computed with the predictor's logits, for hints."""
        return self._blobs.get(predictor, set())

    def projection(self, pair: Hashable, channels: int, outputs: int) -> Projection:
        """The projection of a pair of layers, made on the first call.

        This batch's update trains it. It ends with the training.
        """
        if pair not in self._projections:
            index = len(self._projections)
            self._projections[pair] = Projection(self.context, index, channels, outputs)
        projection = self._projections[pair]
        self._used.add(projection)
        return projection

    def used_projections(self) -> list[Projection]:
        """The projections used since the last call, which this update trains."""
        used = [p for p in self._projections.values() if p in self._used]
        self._used.clear()
        return used

    def standardised(self, features: Hashable, values: np.ndarray) -> np.ndarray:
        """Features (n, channels), by mean and deviation of all training images up to this batch.

        Args:
            features: names them; each has an estimate of its own, which ends with the training.
            values: those of this batch.
        """
        statistics = self._statistics.get(features)
        if statistics is None:
            statistics = self._statistics[features] = Standardisation(values.shape[1])
        if self.training and features not in self._added:
            self._added.add(features)
            statistics.add(values[:0] if self._substitute else values, self.context.engine.group)
        return statistics(values)
