"""Deel's verbs of whatever learns: networks of rows, and students made from a module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack, cast

from deelish.common.arguments import checked_call
from deelish.distillation.array_losses import ArrayLossName
from deelish.distillation.configured_loss import LossOptions, check_options
from deelish.distillation.features import FeatureLossName
from deelish.distillation.hints import HintPair
from deelish.distillation.losses import LossName
from deelish.errors import TrainingError
from deelish.images.in_memory import ImagesLike
from deelish.language.predicting import Predicting, check_classes
from deelish.language.publishing import Publishing
from deelish.language.session import Deel, current_session
from deelish.network.inputs import InputTensor
from deelish.network.outputs import FeatureTensor, LogitsTensor, OutputTensor
from deelish.network.tensors import Array, Tensor
from deelish.training.backprop_arguments import BackpropArguments, Outcome
from deelish.training.step import backprop


class Learning(Predicting, Publishing):
    """A learner with Deel's verbs."""

    @checked_call()
    def Input(self, source: ImagesLike) -> InputTensor:
        """Make an image, or several, the current tensor: a path, a PIL image, a NumPy array.

        Of a network that reads sequences a text, or an array (time, fields), or a list of these.

        >>> net.Input("cat.jpg")
        ImageTensor, shape (1, 3, 16, 16)
        """
        session = current_session()
        session.used(self)
        session.current = made = session.input_tensor(self, source)
        return made

    @checked_call()
    def classify(self, x: Tensor | ImagesLike | None = None) -> LogitsTensor:
        """Logits (n, classes) of the images `x`, or of the current tensor; they become current.

        In the training part of a workout the network learns from these logits at `backprop`.

        Raises:
            PlanError: the network has no classes.

        >>> logits = net.classify("cat.jpg")
        >>> logits.shape
        (1, 2)
        >>> logits.top(1)
        [[('cat', 0.9...)]]
        """
        self.check_takes_images()
        check_classes(self, "classify", "forward(x)")
        return cast(LogitsTensor, self.forward(x))

    @checked_call()
    def forward(self, x: Tensor | ImagesLike | None = None) -> OutputTensor:
        """What the network makes of the images `x`, or of the current tensor: (n, ...).

        Such are reconstructed images; of a network of classes these are the logits, as from
        `classify`. The output becomes current. In the training part of a workout the network learns
        from it at `backprop`.

        >>> net.forward("cat.jpg").shape
        (1, 2)
        """
        session = current_session()
        images = self._images(x)
        if session.trainer is None:
            output = self.compute(images, reduced=False).output
        else:
            output = session.trainer.forward_pass(self, images).output
        session.used(self)
        session.current = output
        return output

    @checked_call()
    def batch_feature(self, x: Tensor | ImagesLike | None = None) -> OutputTensor:
        """The logits (n, classes) of a teacher: always in evaluation mode, without gradients.

        Of a network without classes the output (n, ...). With ``InputBatch(views=...)`` they are
        cached on disk, and none is computed twice.

        >>> teacher.batch_feature(Input("cat.jpg")).shape
        (1, 2)
        """
        session = current_session()
        images = self._images(x)
        blobs = set() if session.trainer is None else session.trainer.memory.blobs_of(self)
        # What hints read is not cached, so that a teacher whose inner layers are read runs again.
        if blobs:
            logits = self.compute(images, blobs=blobs).output
        else:
            logits = super().batch_feature(images)
        session.used(self)
        return logits

    @checked_call()
    def feature(
        self, x: Tensor | ImagesLike | None = None, *, layer: str | None = None
    ) -> FeatureTensor:
        """What a layer makes of the images, in evaluation mode: (n, ...).

        `layer` is the name of a layer or of a blob. Left out, what goes into the last layer, its
        means over positions: (n, channels). In a training with ``InputBatch(views=...)`` such means
        are cached on disk for any layer of a teacher.

        Raises:
            PlanError: there is no such layer; the nearest names are given.

        >>> net.feature("cat.jpg", layer="conv1").shape
        (1, 4, 16, 16)
        """
        made = super().feature(self._images(x), layer=layer)
        current_session().used(self)
        return made

    def _images(self, x: Tensor | ImagesLike | None) -> InputTensor:
        if x is not None and not isinstance(x, Tensor):
            return self.Input(x)
        return current_session().inputs(self, x)

    @checked_call()
    def backprop(
        self,
        t: Tensor | Array | Sequence[int] | None = None,
        distill: Tensor | Array | bool = False,
        *,
        loss: LossName | FeatureLossName | ArrayLossName | Callable[[Any, Any], Any] | None = None,
        hint: HintPair | Sequence[HintPair] | None = None,
        layer: str | None = None,
        label_smoothing: float = 0.0,
        **options: Unpack[LossOptions],
    ) -> Outcome:
        """Learn from the batch classified last; in validation only measure.

        ``backprop(t)`` learns from the labels t. ``backprop(t, distill=logits)`` learns from a
        teacher's logits and the labels t; ``backprop(logits, distill=True)`` from the logits alone.
        ``backprop(distill=teacher.feature(x))`` learns a teacher's features, which needs neither
        labels nor classes; with t before it, from the labels too.

        A network whose output is an image, or any array, learns from images or from an array of
        that shape: ``backprop(x, loss="binary_cross_entropy")``; from a teacher's output too with
        ``distill=teacher.batch_feature(x)``.

        Args:
            t: workout's labels, or with distill=True a teacher's logits; images or an array where
                the loss is on these.
            distill: a teacher's logits, True where they are `t`, or its features.
            loss: "kd", "mse", "cross_entropy", "dkd" or "dist", or a function of two arrays of
                logits, student's and teacher's, that returns a scalar; left out, "kd". Of features
                "cosine" or "mse", between the teacher's, standardised channel by channel over all
                training batches, and the student's, through a projection that is trained with it;
                left out, "cosine". On arrays "binary_cross_entropy", of numbers from 0 to 1, or
                "mse": means over all numbers, or with ``per="image"`` over the images.
            hint: (student's layer, teacher's layer), to learn from inner layers too; or
                ``dict(student=..., teacher=..., kind="attention", weight=500)``, or a list of such.
                Kinds are "fitnet", "attention", "relational" and "gaussian".
            layer: the student's layer that learns the features; left out, what goes into its last
                layer. Maps and tokens are averaged over their positions.
            label_smoothing: s, from 0 to 1. In the loss on labels, of auxiliary classifiers too,
                each target p becomes (1 - s) p + s / classes (Szegedy et al. 2016). In training
                only: the loss in validation is on the labels as they are.
            **options: the loss's own, such as temperature=4; standardise=True for z-scores of the
                logits; alpha, the teacher's share of the loss, or weight and label_weight, the
                factors on the teacher's and the labels' parts. Weights may be functions of the
                epoch: ``weight=lambda epoch: min(1, epoch / 20)``.

        Returns:
            (loss, accuracy); the accuracy is against the true labels, also when distilling. It is
            NaN where the images have no labels of the student's classes.

        Raises:
            UsageError: an option that no loss takes.
            TrainingError: outside a workout, before `classify`, a teacher that cannot teach,
                features of another shape than before, or a loss, a hint or a value that cannot be.

        >>> def workout(x, t):
        ...     student.classify(x)
        ...     return student.backprop(t, distill=teacher.batch_feature(x), loss="dist")
        >>> history = BatchTrain(workout, epochs=1)
        epoch  loss  ...
            1  ...
        """
        check_options(f"{type(self).__name__}.backprop", options)
        session = current_session()
        if session.trainer is None:
            if isinstance(self.context, Deel) and self.context.trainer is not None:
                raise TrainingError(
                    f"{self.name}.backprop: another session was opened within its workout; write"
                    " Deel() before BatchTrain, or with Deel(): around what needs it"
                )
            raise TrainingError(
                f"{self.name}.backprop: works on the batches of a workout; write"
                " def workout(x, t): ... and BatchTrain(workout)"
            )
        arguments = BackpropArguments(distill, loss, hint, layer, options, label_smoothing)
        made = backprop(session.trainer, self, t, arguments)
        if session.trainer.training:
            session.used(self, trained=True)
        return made
