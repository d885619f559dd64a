"""The state of one BatchTrain: its batch, its optimisers, forward passes that await backprop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from deelish.distillation.memory import TeachingMemory
from deelish.distillation.projection import Projection
from deelish.engines import Context
from deelish.engines.trainable import LayerFactor, unscaled
from deelish.errors import TrainingError
from deelish.network.forward import Forward
from deelish.network.inputs import InputTensor
from deelish.network.learner import Learner, learners_of
from deelish.training.finite import check_update
from deelish.training.guards import STOP, Guard
from deelish.training.int8 import Int8Students
from deelish.training.layer_rates import LayerRates
from deelish.training.lookahead import SlowWeights
from deelish.training.optimization import Extent, Optimization


@dataclass
class Counts:
    """How much a session has trained, in all its trainings. Views and dropout depend on it."""

    epochs: int = 0
    updates: int = 0


class Trainer:
    """What `classify` and `backprop` work with while a workout runs.

    Args:
        context: where the students are.
        optimization: how weights are updated.
        counts: what the session has trained before, raised with each update.
        extent: how long the training is.
        crop: the crop fraction of the dataset, in place of each network's own.
        on_nan: what is done about NaN and infinity; see `Guard`.

    Attributes:
        optimization: how weights are updated.
        optimizers: that of each student, and of each projection in a loss.
        batches: how many batches of this training have begun.
        memory: what the losses and checks of distillation share from batch to batch.
        guard: stops or skips batches with numbers that are not finite.
        on_new_student: are called before the first update of a student, or of a projection.
        training: whether the batch is for training, not for validation.
        where: which batch it is, in words.
        slow: the slow weights of its students; None without lookahead.
        int8: its students in their int8 forms; None where they learn in float32 alone.
        agreement: the fraction of the batch on which student and teacher predict the same class;
            None where no teacher taught.
    """

    def __init__(
        self,
        context: Context,
        optimization: Optimization,
        counts: Counts,
        extent: Extent,
        crop: float | None = None,
        on_nan: str = STOP,
    ) -> None:
        self.context, self.counts, self.extent = context, counts, extent
        self.memory = TeachingMemory(context)
        self.guard = Guard(context.engine.group, on_nan)
        self.training = True
        self.where = "the start"
        self.agreement: float | None = None
        self.optimization = optimization
        self._rates = LayerRates(optimization.lr_mult)
        how = optimization.lookahead
        self.slow = None if how is None else SlowWeights(how, extent.updates)
        rule = optimization.int8
        self.int8 = None if rule is None else Int8Students(rule, extent.epochs)
        self._crop = crop
        self.batches = 0
        self.optimizers: dict[Learner | Projection, Any] = {}
        self.on_new_student: list[Callable[[], object]] = []
        self._pending: dict[Learner, Forward] = {}

    @property
    def images(self) -> InputTensor:
        """The images of this batch."""
        return self.memory.images

    @property
    def lr(self) -> float:
        """The learning rate of the next update."""
        progress = min(1.0, (self.batches - 1) / self.extent.updates) if self.batches else 0.0
        return self.optimization.lr * self.optimization.schedule(progress)

    @property
    def students(self) -> set[Learner]:
        """The networks that were updated in this training."""
        return {trained for trained in self.optimizers if not isinstance(trained, Projection)}

    @property
    def epoch(self) -> float:
        """How many epochs are over: 1.5 in the middle of the second, 2.0 in its validation."""
        over = self.batches - 1 if self.training else self.batches
        return over / self.extent.batches

    def begin(self, images: InputTensor, where: str, fraction: float = 1.0) -> None:
        """Begin the next batch, of which this process has `fraction`.

        Its dropout depends on the seed, the number of the batch and the rank alone.
        """
        self.where, self.agreement = where, None
        if self.training:
            self.batches += 1
            self.counts.updates += 1
        self.seed_dropout()
        # The passes of a batch that was skipped hold its memory.
        self._pending.clear()
        samples = [] if images.labels is None else images.labels.samples
        self.guard.begin(self.batches, where, samples)
        self.memory.begin(images, self.epoch, training=self.training, fraction=fraction)

    def seed_dropout(self) -> None:
        """Seed the random draws of this batch, also where it has begun already.

        All batches of a validation draw from one seed.
        """
        group, updates = self.context.engine.group, self.counts.updates
        index = (updates, group.rank) if group.world_size > 1 else (updates,)
        self.context.engine.seed(self.context.seed_for(1 if self.training else 4, *index))

    def end(self) -> None:
        """End the batch.

        Raises:
            TrainingError: logits with dropout taught, and their network is no student itself.
        """
        for teacher in self.memory.taught_by - self.students:
            raise TrainingError(
                f"{teacher.name}: its logits from classify(x) taught a student, but in training"
                " classify draws dropout; a teacher predicts with batch_feature(x)"
            )

    def forward_pass(self, model: Learner, images: InputTensor) -> Forward:
        """A forward pass of a student, from whose logits it learns at `backprop`."""
        if self.training:
            self.guard.before_forward(model)
            if self.slow is not None:
                self.slow.begin(model)
        if self.int8 is not None:
            # In validation the epoch is over.
            epoch = int(self.epoch) - (not self.training)
            self.int8.begin(model, epoch, training=self.training)
        forward = self.forward(model, images)
        self._pending[model] = forward
        return forward

    def forward(self, model: Learner, images: InputTensor) -> Forward:
        """A forward pass, in training with dropout, with the blobs that hints read."""
        blobs = self.memory.blobs_of(model)
        with self._statistics(images):
            return model.compute(images, training=self.training, sampled=True, blobs=blobs)

    def _statistics(self, images: InputTensor) -> AbstractContextManager[object]:
        if not (self.training and self.optimization.sync_batch_norm):
            return nullcontext()
        return self.context.engine.group.sharing_statistics(images.rows, self.memory.fraction > 0)

    def with_features(self, model: Learner, forward: Forward, blobs: Iterable[str]) -> Forward:
        """A student's output with the blobs that a loss compares beside it.

        From the second batch on, the forward pass gives them too. For the first one the student
        runs again.
        """
        needed = list(blobs)
        for blob in needed:
            self.memory.read(model, blob)
        if all(blob in forward.output.features for blob in needed):
            return forward
        # The first student of a batch draws the same dropout again, and so gives the same output.
        # But the buffers are updated twice on this one batch: the running means of BatchNorm, and
        # those of a user's own layers.
        self.seed_dropout()
        return self.forward(model, forward.output.source or self.images)

    def pending(self, model: Learner) -> Forward:
        """What the network classified last, in this batch.

        Raises:
            TrainingError: it did not classify this batch.
        """
        forward = self._pending.get(model)
        source = None if forward is None else forward.output.source
        if forward is None or source is None or source.origin is not self.images:
            seen, call = ("classified", "classify") if model.has_classes else ("seen", "forward")
            raise TrainingError(
                f"{model.name}.backprop: this batch was not {seen} by {model.name}; call"
                f" student.{call}(x) with workout's x before each student.backprop"
            )
        return forward

    def update(self, model: Learner, loss: Any, unchanged: Iterable[str] = ()) -> None:
        """One step of the network's own optimiser, and of those of projections in its loss.

        unchanged: layers that the loss does not depend on.

        Raises:
            NotFinite: a gradient is not finite, and no weight was changed; a weight is not finite
                after the step; or another process found something.
        """
        learners: list[Learner | Projection] = [model, *self.memory.used_projections()]
        optimizers = [self.optimizer_of(learner) for learner in learners]
        engine = model.engine
        if engine.group.world_size > 1:
            # Gradients are summed over the processes, and each loss is a mean over its own images.
            loss = loss * self.memory.fraction
        found = engine.update(optimizers, loss, self.lr, failed=self.guard.failed)
        if found != "gradient":
            engine.group.average_buffers(model.module, self.memory.fraction)
            model.weights_changed(self._crop, unchanged)
            self.guard.updated(model)
        check_update(self.guard, model, [learner.module for learner in learners], found)
        if self.slow is not None:
            self.slow.updated(model, self.batches / self.extent.updates)

    def done(self, model: Learner) -> None:
        """Forget what the network classified."""
        self._pending.pop(model, None)

    def settle(self) -> None:
        """Give the students the weights that the training is for: with lookahead the slow ones."""
        if self.slow is not None:
            self.slow.settle(self.students)

    def epoch_trained(self, number: int) -> None:
        """Note that all batches for training of an epoch are done.

        Raises:
            TrainingError: after the first one, a layer of lr_mult= is that of no student.
        """
        if number == 1:
            self._rates.check()
        if number == self.extent.epochs:
            self.settle()

    def stop(self) -> None:
        """End the training: its students stay as they are now."""
        for learner, optimizer in self.optimizers.items():
            learner.engine.release(optimizer)
        for student in self.students:
            student.training_ended()
        if self.int8 is not None:
            self.int8.end()

    def optimizer_of(self, learner: Learner | Projection) -> Any:
        """The optimiser of this network, or of this projection, made on the first call."""
        if learner not in self.optimizers:
            self._check_shares_nothing(learner)
            factor: LayerFactor = unscaled
            if not isinstance(learner, Projection):
                self._rates.begin(learner, learners_of(self.context))
                factor = self._rates.factor
            how = self.optimization
            self.optimizers[learner] = learner.engine.optimizer(
                learner.module, how.optimizer, how.lr, how.options, factor
            )
            for action in self.on_new_student:
                action()
        return self.optimizers[learner]

    def _check_shares_nothing(self, learner: Learner | Projection) -> None:
        """Refuse two students of one training that would change each other's weights."""
        if isinstance(learner, Projection):
            return
        for other in self.students:
            if other.trainable_ids() & learner.trainable_ids():
                raise TrainingError(
                    f"{learner.name}: shares trainable weights with {other.name}, which learns in"
                    " the same training; make it from a copy, Student(copy.deepcopy(module))"
                )
