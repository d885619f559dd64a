"""The loop of BatchTrain: epochs, validation after each, signals at the end of an update."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from deelish.common.notebook import in_notebook
from deelish.common.printing import say
from deelish.common.progress import Bar
from deelish.errors import TrainingError
from deelish.images.dataset import Dataset
from deelish.images.loader import Loader
from deelish.network.batch_tensors import AnyBatch, tensors_of
from deelish.network.learner import learners_of
from deelish.network.tensors import LabelTensor
from deelish.network.viewing import Viewing
from deelish.sequences.dataset import AnyDataset
from deelish.sequences.loader import SequenceLoader
from deelish.training.checkpoints.resuming import Resuming
from deelish.training.guards import ROLLBACK, NotFinite
from deelish.training.history import Averages, History, Row
from deelish.training.interrupt import STOPPING, Interrupt
from deelish.training.logs.config import config_of
from deelish.training.logs.log import FINISHED, STOPPED, Log, Logs
from deelish.training.logs.notebook import NotebookCurves
from deelish.training.place import Place
from deelish.training.rollback import Rollback
from deelish.training.run import Run
from deelish.training.trainer import Trainer
from deelish.training.waiting import WaitTimer

# What a bar counts.
UNITS = {"images": "img", "sequences": "seq", "tokens": "tok"}
# A script may say that its x is an ImageTensor, or a SequenceTensor.
Workout = Callable[[Any, LabelTensor], Any]
Checkout = Callable[[], Any]


class Loop:
    """One BatchTrain: calls workout for every batch and checkout after every epoch.

    Args:
        run: the training.
        viewing: how the images of a batch are shown to networks.
        workout, checkout: what is called for a batch, and after an epoch.
        resuming: writes checkpoints, and goes on from them; None where there are none.
        logs: where each epoch is written for people who watch.
    """

    def __init__(
        self,
        run: Run,
        viewing: Viewing,
        workout: Workout,
        checkout: Checkout | None,
        resuming: Resuming | None = None,
        logs: Sequence[Log] = (),
    ) -> None:
        self.run, self.trainer, self.dataset, self._viewing = run, run.trainer, run.dataset, viewing
        self.workout, self.checkout = workout, checkout
        self.context, self.group = run.trainer.context, run.trainer.context.engine.group
        self.interrupt = Interrupt(checkpoints=resuming is not None)
        self._resuming = resuming
        # One process writes for all.
        self._logs = Logs(_logs(logs) if self.group.rank == 0 else [])
        self._rollback = Rollback(run) if run.trainer.guard.on_nan == ROLLBACK else None
        # Whether all processes end after the same update: the last, or that of a shared Ctrl-C.
        self._together = False
        self._stopped_by = signal.SIGINT

    def train(self) -> History:
        """Train for all epochs; Ctrl-C ends it after the current update."""
        run = self.run
        if isinstance(self.dataset, Dataset):
            of_images = (each for each in learners_of(self.context) if each.sequences is None)
            self.dataset.prepare(each.preprocessing for each in of_images)
        try:
            with self.interrupt:
                if self._resuming is None or not self._resuming.begin(run):
                    self._epochs()
            self._together = True
            self._logs.state = FINISHED
        except KeyboardInterrupt:
            self._logs.state = STOPPED
            if self.group.world_size > 1 and not self._together:
                raise
            # After a second Ctrl-C an update may be half done.
            if self._together:
                self.trainer.settle()
            self._report_stop()
        finally:
            self.trainer.stop()
            if self._resuming is not None:
                self._resuming.close()
            self._report_skipped()
            self._logs.end()
        if self._stopped_by != signal.SIGINT:
            # Ctrl-C goes back to the script, or to the prompt; the others end the process.
            raise SystemExit(128 + self._stopped_by)
        return run.history

    def _epochs(self) -> None:
        """The epochs that are not done yet."""
        self._logs.begin(config_of(self.run), self.run.history)
        for number in range(self.run.place.epoch, self.trainer.extent.epochs + 1):
            self._epoch(number)
        if self._resuming is not None:
            self._resuming.save(self.run, wait=True, finished=True)

    def _epoch(self, number: int) -> None:
        self.trainer.counts.epochs = self.run.epochs_before + number
        place, dataset = self.run.place, self.dataset
        if not place.validating:
            self.trainer.training = True
            self._part(dataset.train, f"epoch {number}/{self.trainer.extent.epochs}", place.trained)
            self.trainer.epoch_trained(number)
        row: Row = {"epoch": number, **place.trained.row()}
        if dataset.val is not None:
            place.validate()
            self.trainer.training = False
            self._part(dataset.val, "validation", place.validated)
            row |= place.validated.row("val_")
        self._append(row)
        if self.checkout is not None:
            self.checkout()
        self.run.place = Place(number + 1)
        self._between_updates()

    def _append(self, row: Row) -> None:
        """Complete the row of an epoch, and print it; in a notebook its table is at the curves."""
        place, history = self.run.place, self.run.history
        trained, weight = place.trained, 1 / self.group.world_size
        seconds, waited = self._means([place.seconds, trained.waited], weight)
        row |= {f"{self.dataset.noun}_per_second": trained.images / seconds, "seconds": seconds}
        row["waited"] = waited
        row["lr"] = self.trainer.lr
        history.append(row)
        if len(history) == 1 and isinstance(self.dataset, Dataset):
            self.dataset.report_cache(self.group)
        if not in_notebook():
            if len(history) == 1:
                say(history.heading())
            say(history.line(row))
        self._logs.row(row)

    def _part(self, loader: Loader | SequenceLoader, title: str, means: Averages) -> None:
        """The batches of a loader that are not done yet."""
        trainer, place = self.trainer, self.run.place
        epoch, training = trainer.counts.epochs, trainer.training
        batches = loader.batches(epoch, training, self.group, place.batches)
        timer, start = WaitTimer(batches), time.perf_counter() - place.seconds
        with (
            Bar(title, loader.size, means.images, UNITS[self.dataset.noun]) as bar,
            closing(batches),
        ):
            for batch in timer:
                outcome = self._guarded(batch, f"{title}, batch {batch.number}")
                if outcome is not None:
                    means.add(batch.global_size, *outcome)
                    bar.step(batch.global_size, *outcome, timer.fraction)
                means.waited, place.batches = timer.fraction, batch.number
                if training:
                    place.seconds = time.perf_counter() - start
                self._between_updates()
        if not means.images:
            raise TrainingError(
                f"{title}: every batch was skipped; look at the images that are named above"
            )

    def _guarded(
        self, batch: AnyBatch, where: str
    ) -> tuple[float, float | None, float | None] | None:
        """workout on one batch -> its means; None where it was skipped."""
        guard = self.trainer.guard
        try:
            outcome = self._batch(batch, where)
        except NotFinite as error:
            guard.skip(error)
            if self._rollback is not None:
                self._rollback.back(error)
            return None
        jumped = guard.learnt(outcome[0], training=self.trainer.training)
        if self._rollback is not None and self.trainer.training:
            self._rollback.back() if jumped else self._rollback.after_update()
        return outcome

    def _batch(self, batch: AnyBatch, where: str) -> tuple[float, float | None, float | None]:
        """workout on one batch -> loss, accuracy, agreement, as means over all processes.

        The accuracy is None where the images have no labels and workout returned none of its own.
        """
        viewing, workout = self._viewing, self.workout
        loss, accuracy = run_workout(self.trainer, self.dataset, viewing, workout, batch, where)
        agreement = self.trainer.agreement
        loss, accuracy, agreed = self._means([loss, accuracy, agreement or 0.0], batch.fraction)
        judged = not math.isnan(accuracy)
        return loss, accuracy if judged else None, None if agreement is None else agreed

    def _means(self, values: Sequence[float], weight: float) -> list[float]:
        """Means over the processes, where this one counts by its weight."""
        return self.group.all_sum([value * weight for value in values])

    def _between_updates(self) -> None:
        """Stop, or write a checkpoint, where any process was asked: all after the same update."""
        interrupt, resuming = self.interrupt, self._resuming
        stops = [interrupt.requested and interrupt.number == number for number in STOPPING]
        due = failed = False
        if resuming is not None:
            due = interrupt.save_requested or resuming.is_due(self.run)
            failed = resuming.failure() is not None
        *stopping, saving, failing = self.group.all_sum([*stops, due, failed])
        if resuming is not None:
            interrupt.save_requested = False
            if failing:
                resuming.check_written(self.run)
            if saving or any(stopping):
                resuming.save(self.run, wait=any(stopping))
        if any(stopping):
            self._together = True
            self._stopped_by = next(n for n, asked in zip(STOPPING, stopping, strict=True) if asked)
            raise KeyboardInterrupt

    def _report_stop(self) -> None:
        where = self.trainer.where
        by = "Ctrl-C" if self._stopped_by == signal.SIGINT else self._stopped_by.name
        if not self._together:
            say(f"stopped by a second Ctrl-C at {where}; its update may be missing")
        elif self._resuming is None:
            of_update = self.trainer.slow is None
            weights = "those of its update" if of_update else "the slow ones of lookahead="
            say(f"stopped by {by} at {where}; the weights are {weights}")
        else:
            say(f"stopped by {by} at {where}; run the same command again to go on")

    def _report_skipped(self) -> None:
        loaders = self.dataset.loaders if isinstance(self.dataset, Dataset) else []
        skipped = [reason for loader in loaders for _, reason in loader.skipped]
        if self._together:
            skipped = list(dict.fromkeys(self.group.all_gather(skipped)))
        if skipped:
            say(f"{len(skipped)} images were skipped:")
        for reason in skipped:
            say(f"  {reason}")


def _logs(named: Sequence[Log]) -> list[Log]:
    """The logs that were named, and in a notebook its curves."""
    return [*named, *([NotebookCurves()] if in_notebook() else [])]


def run_workout(
    trainer: Trainer,
    dataset: AnyDataset,
    viewing: Viewing,
    workout: Workout,
    batch: AnyBatch,
    where: str,
) -> tuple[float, float]:
    """workout on one batch -> (loss, accuracy) of this process.

    Raises:
        TrainingError: workout returned something else, or a teacher that draws dropout taught.
    """
    # Label probabilities are as wide as the most classes of any network and of the labels.
    known = [dataset.classes, *(model.classes for model in learners_of(trainer.context))]
    images, labels = tensors_of(batch, trainer.context.engine, viewing, max(known))
    trainer.begin(images, where, batch.fraction)
    made = _loss_and_accuracy(workout(images, labels), where)
    trainer.end()
    return made


def _loss_and_accuracy(result: Any, where: str) -> tuple[float, float]:
    """(loss, accuracy) as workout returned them.

    Raises:
        TrainingError: it returned something else.
    """
    try:
        loss, accuracy = result
        return float(loss), float(accuracy)
    except (TypeError, ValueError):
        raise TrainingError(
            f"workout returned {result!r} at {where}, where (loss, accuracy) is needed; end it with"
            " return student.backprop(t)"
        ) from None
