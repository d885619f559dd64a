"""The loop of BatchTrain: epochs, validation after each, Ctrl-C at the end of an update."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from deelish.common.printing import say
from deelish.common.progress import Bar
from deelish.errors import DataError, TrainingError
from deelish.images.batch import ImageBatch
from deelish.images.loader import Loader
from deelish.language.session import Deel
from deelish.network.tensors import ImageTensor, LabelTensor
from deelish.training.history import Averages, History, Row
from deelish.training.interrupt import Interrupt
from deelish.training.run import Optimization, Run
from deelish.training.waiting import Waiting

Workout = Callable[[ImageTensor, LabelTensor], Any]
Checkout = Callable[[], Any]


class Loop:
    """One BatchTrain: calls workout for every batch and checkout after every epoch."""

    def __init__(
        self, session: Deel, workout: Workout, checkout: Checkout | None, how: Optimization
    ) -> None:
        if session.sets is None:
            raise DataError("BatchTrain: there are no images; call InputBatch(train=...) first")
        self.session, self.sets = session, session.sets
        self.workout, self.checkout, self.how = workout, checkout, how
        self.group = session.engine.group
        self.history = History()
        self.interrupt = Interrupt()
        # Whether all processes end it at the same place: at its end, or by a Ctrl-C that all know.
        self._together = False

    def train(self, epochs: int) -> History:
        """Train for so many epochs; Ctrl-C ends it after the update in hand."""
        self.sets.prepare(self.session.networks)
        self.session.tell_precision()
        self.run = Run(self.session, self.how, epochs * len(self.sets.train))
        before, self.session.run = self.session.run, self.run
        try:
            with self.interrupt:
                for number in range(1, epochs + 1):
                    self._epoch(number, epochs)
            self._together = True
        except KeyboardInterrupt:
            if self.group.size > 1 and not self._together:
                raise
            say(f"stopped by Ctrl-C at {self.run.where}; the weights are those of its update")
        finally:
            self.session.run = before
            for network in self.session.networks:
                network.pending = None
            self._tell_skipped()
        return self.history

    def _epoch(self, number: int, epochs: int) -> None:
        self.session.epochs += 1
        start = time.perf_counter()
        self.run.training = True
        trained = self._part(self.sets.train, f"epoch {number}/{epochs}")
        seconds = time.perf_counter() - start
        row: Row = {"epoch": number, **trained.row()}
        if self.sets.val is not None:
            self.run.training = False
            row |= self._part(self.sets.val, "validation").row("val_")
        seconds, waited = self._means([seconds, trained.waited], 1 / self.group.size)
        row |= {"images_per_second": trained.images / seconds, "seconds": seconds}
        row["waited"] = waited
        row["rate"] = self.run.rate
        self.history.append(row)
        if number == 1:
            self.sets.tell_kept(self.group)
            say(self.history.heading())
        say(self.history.line(row))
        if self.checkout is not None:
            self.checkout()
        self._stop_if_asked()

    def _part(self, loader: Loader, title: str) -> Averages:
        """All batches of one set, once."""
        means = Averages()
        batches = loader.batches(self.session.epochs, self.run.training, self.group)
        waiting = Waiting(batches)
        with Bar(title, len(loader.items)) as bar, closing(batches):
            for number, batch in enumerate(waiting, start=1):
                outcome = self._batch(batch, f"{title}, batch {number}")
                means.add(batch.whole, *outcome)
                bar.step(batch.whole, *outcome, waiting.share)
                self._stop_if_asked()
        means.waited = waiting.share
        return means

    def _batch(self, batch: ImageBatch, where: str) -> tuple[float, float, float | None]:
        """workout on one batch -> loss, accuracy, agreement, as means over all processes."""
        shares = batch.label_shares(self.sets.classes(self.session.networks))
        labels = LabelTensor(batch.labels, self.session, batch.items, probabilities=shares)
        images = ImageTensor(batch, self.session, labels)
        self.run.begin(images, where, batch.share)
        images.use()
        loss, accuracy = _pair(self.workout(images, labels), where)
        agreement = self.run.end()
        loss, accuracy, agreed = self._means([loss, accuracy, agreement or 0.0], batch.share)
        return loss, accuracy, None if agreement is None else agreed

    def _means(self, values: Sequence[float], share: float) -> list[float]:
        """Means over the processes, of which this one has a share."""
        return self.group.sum([value * share for value in values])

    def _stop_if_asked(self) -> None:
        """Stop where any process was asked to: all of them after the same update."""
        if self.group.sum([self.interrupt.asked])[0]:
            self._together = True
            raise KeyboardInterrupt

    def _tell_skipped(self) -> None:
        loaders = [loader for loader in (self.sets.train, self.sets.val) if loader is not None]
        skipped = [reason for loader in loaders for _, reason in loader.skipped]
        if self._together:
            skipped = list(dict.fromkeys(self.group.gather(skipped)))
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
            f"workout returned {result!r} at {where}, where (loss, accuracy) is wanted; end it with"
            " return student.backprop(t)"
        ) from None
