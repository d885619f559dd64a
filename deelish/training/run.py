"""A running BatchTrain: which part it is in, its optimisers, and the rate of the next update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deelish.errors import TrainingError
from deelish.tensor import ImageTensor

if TYPE_CHECKING:
    from deelish.network import Network
    from deelish.session import Deel


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
        self.taught_by: set[Network] = set()
        # Whose answers were seen to be logits; None stands for bare arrays.
        self.logits_seen: set[Network | None] = set()
        self._total = updates
        self._batches = 0
        self._optimizers: dict[Network, Any] = {}
        self._images: ImageTensor | None = None
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
        return set(self._optimizers)

    def begin(self, images: ImageTensor, where: str) -> None:
        """Enter the next batch. Its dropout depends on the seed and its number alone."""
        self._images, self.where, self._agreement = images, where, None
        if self.training:
            self._batches += 1
            self.session.updates += 1
            self.session.engine.seed(self.session.seed_for(1, self.session.updates))

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

    def update(self, network: Network, loss: Any) -> None:
        """One step of the network's own optimiser."""
        engine = network.session.engine
        if network not in self._optimizers:
            how = self.optimization
            self._optimizers[network] = engine.optimizer(
                network.module, how.optimizer, how.rate, how.options
            )
        engine.update(self._optimizers[network], loss, self.rate)
        network.untrained.clear()
        self.session.used(network, trained=True)
