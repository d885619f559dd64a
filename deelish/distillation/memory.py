"""What one training remembers of its teachers: checks, class orders, projections, statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from deelish.distillation.projection import Projection
from deelish.distillation.standardisation import Standardisation
from deelish.engines import Context
from deelish.engines.state import SavedState
from deelish.errors import TrainingError
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor

# What names a projection or an estimate: predictors and layers.
Parts = tuple[Predictor | str | None, ...]


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
        fraction: this process's fraction of the batch; 0 where it has a substitute, whose images
            another process has, too.
        taught_by: predictors whose logits with dropout taught a student.
        logits_seen: predictors whose outputs were checked to be logits; None for bare arrays.
        orders: by student and teacher, the index of each class of the student among the teacher's
            logits, or None.
        label_orders: by network, the index of each label of class folders among its classes, or
            None.
        records: by student and teacher, the counts that show a swap.
        projections: by name, in the order in which they were made.
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
        self._images: InputTensor | None = None
        self.projections: dict[str, Projection] = {}
        self._part: tuple[int, bool] | None = None
        self._used: set[Projection] = set()
        self._names: dict[Predictor, str] = {}
        self._blobs: dict[str, set[str]] = {}
        self._statistics: dict[str, Standardisation] = {}
        self._added: set[str] = set()
        self.fraction = 1.0

    def begin(
        self, images: InputTensor, epoch: float, *, training: bool, fraction: float = 1.0
    ) -> None:
        """Begin the next batch, of which this process has a fraction; 0 with a substitute.

        With each part of an epoch, training and validation, teachers are looked at again.
        """
        part = (math.floor(epoch), training)
        if part != self._part and images.viewing.cache is not None:
            images.viewing.cache.look_again()
        self._part = part
        self._images, self.epoch, self.training = images, epoch, training
        self.fraction = fraction
        self._used.clear()
        self._added.clear()

    @property
    def images(self) -> InputTensor:
        """The images of this batch."""
        if self._images is None:
            raise TrainingError("there is no batch yet; BatchTrain gives one to workout as x")
        return self._images

    def read(self, predictor: Predictor, blob: str) -> None:
        """From now on, compute this blob together with the logits of the predictor."""
        self._blobs.setdefault(self.name_of(predictor), set()).add(blob)

    def blobs_of(self, predictor: Predictor) -> set[str]:
        """The inner blobs that are computed with the predictor's logits, for hints."""
        return self._blobs.get(self.name_of(predictor), set())

    def name_of(self, predictor: Predictor) -> str:
        """A name for a predictor that is the same when the script runs again."""
        if predictor not in self._names:
            index = self.context.index_of(predictor)
            name = predictor.name if index is None else f"{predictor.name} {index}"
            same = [known for known in self._names.values() if known.partition("#")[0] == name]
            self._names[predictor] = f"{name}#{len(same)}" if same else name
        return self._names[predictor]

    def _name(self, parts: Parts) -> str:
        names = [self.name_of(part) if isinstance(part, Predictor) else str(part) for part in parts]
        return " | ".join(names)

    def projection(self, pair: Parts, channels: int, outputs: int) -> Projection:
        """The projection of a pair of layers, made on the first call.

        This batch's update trains it. It ends with the training.

        Args:
            pair: the predictors and layers that it belongs to.
            channels: the student's.
            outputs: the teacher's channels.
        """
        name = self._name(pair)
        if name not in self.projections:
            index = len(self.projections)
            self.projections[name] = Projection(self.context, index, channels, outputs)
        projection = self.projections[name]
        self._used.add(projection)
        return projection

    def used_projections(self) -> list[Projection]:
        """The projections used since the last call, which this update trains."""
        used = [p for p in self.projections.values() if p in self._used]
        self._used.clear()
        return used

    def standardised(self, features: Parts, values: np.ndarray) -> np.ndarray:
        """Features (n, channels), by mean and deviation of all training images up to this batch.

        Those of a batch with NaN or infinity are not counted.

        Args:
            features: the predictor and the layer; each pair has an estimate of its own, which ends
                with the training.
            values: those of this batch.
        """
        name = self._name(features)
        statistics = self._statistics.get(name)
        if statistics is None:
            statistics = self._statistics[name] = Standardisation(values.shape[1])
        if self.training and name not in self._added:
            self._added.add(name)
            omitted = not self.fraction or not np.isfinite(values).all()
            statistics.add(values[:0] if omitted else values, self.context.engine.group)
        return statistics(values)

    def state(self) -> SavedState:
        """What the numbers of later batches depend on, for a checkpoint."""
        state = SavedState(
            values={"blobs": {name: sorted(made) for name, made in self._blobs.items()}}
        )
        sums = {name: each.sums.copy() for name, each in self._statistics.items()}
        state.put("statistics", SavedState(sums))
        state.put_all("projections", {n: each.state() for n, each in self.projections.items()})
        return state

    def restore(self, state: SavedState) -> None:
        """Set what `state` gave."""
        self._blobs = {name: set(blobs) for name, blobs in state.values["blobs"].items()}
        for name, sums in state.part("statistics").arrays.items():
            statistics = self._statistics[name] = Standardisation((len(sums) - 1) // 2)
            statistics.sums = sums
        for name, part in state.parts("projections").items():
            self.projections[name] = Projection.restored(self.context, part)
