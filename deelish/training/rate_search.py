"""A search for a learning rate: the loss at rates that rise from batch to batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deelish.common.html import picture, quietly
from deelish.engines.state import SavedState
from deelish.images.figures import plot_rates, rates_png
from deelish.network.batch_tensors import AnyBatch
from deelish.network.forward import Forward
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner
from deelish.network.viewing import Viewing
from deelish.plan.preprocessing import Preprocessing
from deelish.sequences.dataset import AnyDataset
from deelish.training.guards import NotFinite
from deelish.training.loop import Workout, run_workout
from deelish.training.trainer import Trainer

# How much of the mean of the losses before a loss keeps; Smith 2017 smooths by hand.
SMOOTHING = 0.9
# A search ends where the smoothed loss is so many times the lowest, after so many updates.
RISEN, LEAST = 4.0, 10


class RateSearch:
    """The losses of a search, which print as one line and show as a plot.

    Attributes:
        rates: the learning rate of each update.
        losses: the loss before it, smoothed.
        suggestion: the rate at which the loss falls fastest; None where it falls nowhere.
    """

    def __init__(self, rates: Sequence[float], losses: Sequence[float]) -> None:
        self.rates, self.losses = list(rates), list(losses)
        self.suggestion = _steepest(self.rates, self.losses)

    @property
    def lowest(self) -> float:
        """The rate at which the loss is lowest."""
        return self.rates[self.losses.index(min(self.losses))]

    def __repr__(self) -> str:
        if self.suggestion is None:
            return (
                f"the loss falls at no rate from {self.rates[0]:.2g} to {self.rates[-1]:.2g}; look"
                " at the labels and at the pixels, or search with a lower lowest="
            )
        return (
            f"the loss falls fastest at lr={self.suggestion:.2g}, and is lowest at"
            f" {self.lowest:.2g}, of {self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        )

    @quietly
    def _repr_html_(self) -> str:
        """The plot, for a notebook."""
        return picture(self.png(), repr(self), 480)

    def show(self, save: str | Path | None = None) -> None:
        """Show the plot in a window, or write it as PNG where there is no screen."""
        plot_rates(self.rates, self.losses, self.suggestion, save)

    def png(self) -> bytes:
        """The losses over the rates, as the bytes of a PNG file."""
        return rates_png(self.rates, self.losses, self.suggestion)


def _steepest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """The rate at which the loss falls fastest by its logarithm, up to where it is lowest."""
    # The first tenth is the noise of a few batches.
    best, first = losses.index(min(losses)), 1 + len(rates) // 10
    slopes = [
        (losses[i + 1] - losses[i - 1]) / math.log(rates[i + 1] / rates[i - 1])
        for i in range(first, min(best + 1, len(rates) - 1))
    ]
    if not slopes or min(slopes) >= 0:
        return None
    return rates[first + slopes.index(min(slopes))]


@dataclass(frozen=True)
class Before:
    """What a search gives back to a student."""

    weights: dict[str, Any]
    untrained: set[str]
    preprocessing: Preprocessing
    averages: list[tuple[Any, SavedState]]

    @classmethod
    def of(cls, student: Learner) -> Before:
        """A copy of it all."""
        averages = [(each, each.state()) for ref in student.averages if (each := ref())]
        weights = student.engine.arrays(student.module)
        return cls(weights, set(student.untrained), student.preprocessing, averages)

    def restore(self, student: Learner) -> None:
        """Give it back."""
        student.engine.set_arrays(student.module, self.weights)
        # A version never comes back with other weights.
        crop = self.preprocessing.crop
        student.training_resumed(student.version + 1, self.untrained, crop)
        student.preprocessing = self.preprocessing
        student.training_ended()
        for average, state in self.averages:
            average.restore(state)


class SearchTrainer(Trainer):
    """A trainer whose students are in the end as they were."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.before: dict[Learner, Before] = {}

    def forward_pass(self, model: Learner, images: InputTensor) -> Forward:
        """A forward pass of a student, which is remembered as it is before its first one."""
        if model not in self.before:
            self.before[model] = Before.of(model)
        return super().forward_pass(model, images)

    def restore(self) -> None:
        """Give all students what they were."""
        self.stop()
        for student, before in self.before.items():
            before.restore(student)


def search(
    trainer: SearchTrainer, dataset: AnyDataset, viewing: Viewing, workout: Workout
) -> RateSearch:
    """Train on some batches, and give the students back what they were.

    Raises:
        NotFinite: the first losses are not finite.
        TrainingError: a layer of lr_mult= is that of no student.
    """
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    try:
        with closing(_batches(trainer, dataset)) as batches:
            for batch in itertools.islice(batches, trainer.extent.updates):
                try:
                    loss = _loss(trainer, dataset, viewing, workout, batch)
                except NotFinite:
                    if len(losses) < LEAST:
                        raise
                    break
                mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
                rates.append(trainer.lr)
                losses.append(mean / (1 - SMOOTHING ** (len(losses) + 1)))
                if len(losses) > LEAST and losses[-1] > RISEN * min(losses):
                    break
        # lr_mult= may name layers that no student has.
        trainer.epoch_trained(1)
    finally:
        trainer.restore()
    return RateSearch(rates, losses)


def _batches(trainer: SearchTrainer, dataset: AnyDataset) -> Generator[AnyBatch, None, None]:
    """The training batches, epoch after epoch."""
    group = trainer.context.engine.group
    for epoch in itertools.count(1):
        with closing(dataset.train.batches(epoch, True, group)) as batches:
            yield from batches


def _loss(
    trainer: SearchTrainer,
    dataset: AnyDataset,
    viewing: Viewing,
    workout: Workout,
    batch: AnyBatch,
) -> float:
    """One update; its loss as a mean over all processes."""
    where = f"batch {trainer.batches + 1} of FindRate"
    loss, _ = run_workout(trainer, dataset, viewing, workout, batch, where)
    (mean,) = trainer.context.engine.group.all_sum([loss * batch.fraction])
    return float(mean)
