"""The loop of BatchTrain: epochs, validation after each, Ctrl-C at the end of an update."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from deelish.common.printing import say
from deelish.common.progress import Bar
from deelish.errors import TrainingError
from deelish.images.batch import ImageBatch
from deelish.images.dataset import Dataset
from deelish.images.loader import Loader
from deelish.network.learner import learners_of
from deelish.network.tensors import ImageTensor, LabelTensor, Viewing
from deelish.training.guards import NotFinite
from deelish.training.history import Averages, History, Row
from deelish.training.interrupt import Interrupt
from deelish.training.trainer import Trainer
from deelish.training.waiting import WaitTimer

Workout = Callable[[ImageTensor, LabelTensor], Any]
Checkout = Callable[[], Any]


class Loop:
    """One BatchTrain: calls workout for every batch and checkout after every epoch.

    viewing: how the images of a batch are shown to networks.
    """

    def __init__(
        self,
        trainer: Trainer,
        dataset: Dataset,
        viewing: Viewing,
        workout: Workout,
        checkout: Checkout | None,
    ) -> None:
        self.trainer, self.dataset, self._viewing = trainer, dataset, viewing
        self.workout, self.checkout = workout, checkout
        self.context, self.group = trainer.context, trainer.context.engine.group
        self.history = History()
        self.interrupt = Interrupt()
        # Whether all processes end after the same update: the last, or that of a shared Ctrl-C.
        self._together = False

    def train(self) -> History:
        """Train for all epochs; Ctrl-C ends it after the current update."""
        self.dataset.prepare(model.preprocessing for model in learners_of(self.context))
        try:
            with self.interrupt:
                for number in range(1, self.trainer.extent.epochs + 1):
                    self._epoch(number)
            self._together = True
        except KeyboardInterrupt:
            if self.group.world_size > 1 and not self._together:
                raise
            self._report_stop()
        finally:
            self.trainer.stop()
            self._report_skipped()
        return self.history

    def _epoch(self, number: int) -> None:
        self.trainer.counts.epochs += 1
        start = time.perf_counter()
        self.trainer.training = True
        trained = self._part(self.dataset.train, f"epoch {number}/{self.trainer.extent.epochs}")
        seconds = time.perf_counter() - start
        row: Row = {"epoch": number, **trained.row()}
        if self.dataset.val is not None:
            self.trainer.training = False
            row |= self._part(self.dataset.val, "validation").row("val_")
        seconds, waited = self._means([seconds, trained.waited], 1 / self.group.world_size)
        row |= {"images_per_second": trained.images / seconds, "seconds": seconds}
        row["waited"] = waited
        row["lr"] = self.trainer.lr
        self.history.append(row)
        if number == 1:
            self.dataset.report_cache(self.group)
            say(self.history.heading())
        say(self.history.line(row))
        if self.checkout is not None:
            self.checkout()
        self._stop_if_asked()

    def _part(self, loader: Loader, title: str) -> Averages:
        """All batches of a loader, once."""
        means = Averages()
        trainer = self.trainer
        batches = loader.batches(trainer.counts.epochs, trainer.training, self.group)
        timer = WaitTimer(batches)
        with Bar(title, len(loader.samples)) as bar, closing(batches):
            for number, batch in enumerate(timer, start=1):
                outcome = self._guarded(batch, f"{title}, batch {number}")
                if outcome is not None:
                    means.add(batch.global_size, *outcome)
                    bar.step(batch.global_size, *outcome, timer.fraction)
                self._stop_if_asked()
        if not means.images:
            raise TrainingError(
                f"{title}: every batch was skipped; look at the images that are named above"
            )
        means.waited = timer.fraction
        return means

    def _guarded(
        self, batch: ImageBatch, where: str
    ) -> tuple[float, float | None, float | None] | None:
        """workout on one batch -> its means; None where it was skipped."""
        guard = self.trainer.guard
        try:
            outcome = self._batch(batch, where)
        except NotFinite as error:
            guard.skip(error)
            return None
        guard.learnt(outcome[0], training=self.trainer.training)
        return outcome

    def _batch(self, batch: ImageBatch, where: str) -> tuple[float, float | None, float | None]:
        """workout on one batch -> loss, accuracy, agreement, as means over all processes.

        The accuracy is None where the images have no labels and workout returned none of its own.
        """
        engine = self.context.engine
        probabilities = batch.label_probabilities(self._classes())
        labels = LabelTensor(batch.labels, engine, batch.samples, probabilities=probabilities)
        images = ImageTensor(batch, engine, labels, self._viewing)
        self.trainer.begin(images, where, batch.fraction)
        loss, accuracy = _pair(self.workout(images, labels), where)
        self.trainer.end()
        agreement = self.trainer.agreement
        loss, accuracy, agreed = self._means([loss, accuracy, agreement or 0.0], batch.fraction)
        judged = not math.isnan(accuracy)
        return loss, accuracy if judged else None, None if agreement is None else agreed

    def _classes(self) -> int:
        """How many classes label probabilities have: the most of any network and of the labels."""
        return max([self.dataset.classes, *(model.classes for model in learners_of(self.context))])

    def _means(self, values: Sequence[float], weight: float) -> list[float]:
        """Means over the processes, where this one counts by its weight."""
        return self.group.all_sum([value * weight for value in values])

    def _stop_if_asked(self) -> None:
        """Stop where any process was interrupted: all of them after the same update."""
        if self.group.all_sum([self.interrupt.requested])[0]:
            self._together = True
            raise KeyboardInterrupt

    def _report_stop(self) -> None:
        where = self.trainer.where
        if self._together:
            say(f"stopped by Ctrl-C at {where}; the weights are those of its update")
        else:
            say(f"stopped by a second Ctrl-C at {where}; its update may be missing")

    def _report_skipped(self) -> None:
        skipped = [reason for loader in self.dataset.loaders for _, reason in loader.skipped]
        if self._together:
            skipped = list(dict.fromkeys(self.group.all_gather(skipped)))
        if skipped:
            say(f"{len(skipped)} images were skipped:")
        for reason in skipped:
            say(f"  {reason}")


def _pair(result: Any, where: str) -> tuple[float, float]:
    """(loss, accuracy) as workout returned them."""
    try:
        loss, accuracy = result
        return float(loss), float(accuracy)
    except (TypeError, ValueError):
        raise TrainingError(
            f"workout returned {result!r} at {where}, where (loss, accuracy) is needed; end it with"
            " return student.backprop(t)"
        ) from None
