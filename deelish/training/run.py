"""A running BatchTrain: which part it is in, its optimisers, and the rate of the next update."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.distillation.projection import Projection
from deelish.errors import TrainingError
from deelish.network.tensors import ImageTensor

if TYPE_CHECKING:
    from deelish.distillation.contract import CanTeach
    from deelish.distillation.suspicion import Record
    from deelish.language.session import Deel
    from deelish.network.network import Network


@dataclass(frozen=True)
class Optimization:
    """How weights are updated: the engine's optimiser by name, its options, the rate over time."""

    optimizer: str
    rate: float
    # Share of the training that is over, 0 to 1 -> factor on the rate.
    schedule: Callable[[float], float]
    options: Mapping[str, Any] = field(default_factory=dict)


class Run:
    """The state that `classify` and `backprop` look at while a workout runs."""

    def __init__(self, session: Deel, optimization: Optimization, updates: int) -> None:
        self.session = session
        self.optimization = optimization
        self.training = True
        self.where = "the start"
        self.taught_by: set[CanTeach] = set()
        # Whose answers were seen to be logits; None stands for bare arrays.
        self.logits_seen: set[CanTeach | None] = set()
        # For a student and a teacher: the places of the student's classes in the answer, or None.
        self.orders: dict[tuple[Network, CanTeach], np.ndarray | None] = {}
        # For a student and a teacher: what was seen that would speak for a swap of the two.
        self.records: dict[tuple[Network, CanTeach], Record] = {}
        self._total = updates
        # Batches of one epoch; without images there is no training, and all batches are one.
        self._each = len(session.sets.train) if session.sets is not None else updates
        self._batches = 0
        self._optimizers: dict[Network | Projection, Any] = {}
        self._projections: dict[Hashable, Projection] = {}
        self._used: set[Projection] = set()
        self._kept: dict[Any, set[str]] = {}
        self._images: ImageTensor | None = None
        self._share = 1.0
        self._agreement: float | None = None

    @property
    def images(self) -> ImageTensor:
        """The images of this batch."""
        if self._images is None:
            raise TrainingError("there is no batch yet; BatchTrain gives one to workout as x")
        return self._images

    @property
    def rate(self) -> float:
        """The rate of the next update."""
        progress = min(1.0, (self._batches - 1) / self._total) if self._batches else 0.0
        return self.optimization.rate * self.optimization.schedule(progress)

    @property
    def students(self) -> set[Network]:
        """The networks that have learnt in this run."""
        return {learner for learner in self._optimizers if not isinstance(learner, Projection)}

    @property
    def epoch(self) -> float:
        """How many epochs are over: 1.5 in the middle of the second, 2.0 in its validation."""
        return (self._batches - 1 if self.training else self._batches) / self._each

    def begin(self, images: ImageTensor, where: str, share: float = 1.0) -> None:
        """Enter the next batch, of which `share` is this process's.

        Its dropout depends on the seed, its number and the process alone.
        """
        self._images, self.where, self._agreement = images, where, None
        self._share = share
        self._used.clear()
        if self.training:
            self._batches += 1
            self.session.updates += 1
            self.seed_dropout()

    def seed_dropout(self) -> None:
        """Start the draws of this batch, anew where it has begun."""
        group = self.session.engine.group
        place = (self.session.updates, group.rank) if group.size > 1 else (self.session.updates,)
        self.session.engine.seed(self.session.seed_for(1, *place))

    def end(self) -> float | None:
        """Leave the batch; returns the agreement of student and teacher, if there was a teacher.

        Raises:
            TrainingError: an answer drawn with dropout taught, and its network does not learn.
        """
        for teacher in self.taught_by - self.students:
            raise TrainingError(
                f"{teacher.name}: its answer to classify(x) taught a student, but in training"
                " classify draws dropout; a teacher answers with batch_feature(x)"
            )
        return self._agreement

    def agreement(self, share: float) -> None:
        """Note the share of the batch on which student and teacher name the same class."""
        self._agreement = share

    def keep(self, network: Any, blob: str) -> None:
        """Have the network's further answers in this run come with this blob beside the logits."""
        self._kept.setdefault(network, set()).add(blob)

    def kept(self, network: Any) -> set[str]:
        """The blobs that the network's answers come with."""
        return self._kept.get(network, set())

    def projection(self, pair: Hashable, channels: int, wanted: int) -> Projection:
        """The projection of a pair of layers, made when it is first asked for.

        It learns with the next update of this batch, and ends with the run.
        """
        if pair not in self._projections:
            place = len(self._projections)
            self._projections[pair] = Projection(self.session, place, channels, wanted)
        projection = self._projections[pair]
        self._used.add(projection)
        return projection

    def update(self, network: Network, loss: Any) -> None:
        """One step of the network's own optimiser, and of those of projections in its loss."""
        projections = [p for p in self._projections.values() if p in self._used]
        learners: list[Network | Projection] = [network, *projections]
        optimizers = [self._optimizer(learner) for learner in learners]
        engine = network.session.engine
        if engine.group.size > 1:
            # Gradients are summed over the processes, and each loss is a mean over its own part.
            loss = loss * self._share
        engine.update(optimizers, loss, self.rate)
        engine.group.average_buffers(network.module, self._share)
        self._used.clear()
        network.version += 1
        network.untrained.clear()
        if self.session.sets is not None:
            self.session.sets.shown_to(network)
        self.session.used(network, trained=True)

    def _optimizer(self, learner: Network | Projection) -> Any:
        """The optimiser of this network, or of this projection."""
        if learner not in self._optimizers:
            how = self.optimization
            self._optimizers[learner] = learner.session.engine.optimizer(
                learner.module, how.optimizer, how.rate, how.options
            )
        return self._optimizers[learner]
