"""The verbs of whatever predicts, and what every teacher refuses."""

from __future__ import annotations

from typing import NoReturn, cast

from deelish.common.arguments import checked_call
from deelish.errors import PlanError, TrainingError
from deelish.images.in_memory import ImagesLike
from deelish.language.session import current_session
from deelish.network.explanation import ExplanationTensor, explain
from deelish.network.outputs import (
    FeatureTensor,
    LogitsTensor,
    OutputTensor,
    cached_logits,
    features_in_training,
    output_tensor,
)
from deelish.network.predictor import Predictor
from deelish.network.tensors import Tensor


class Predicting(Predictor):
    """A predictor with Deel's verbs."""

    @checked_call()
    def batch_feature(self, x: Tensor | ImagesLike | None = None) -> OutputTensor:
        """The logits (n, classes) of a teacher: always in evaluation mode, without gradients.

        Of a network without classes the output (n, ...). With ``InputBatch(views=...)`` they are
        cached on disk, and none is computed twice.

        Raises:
            TrainingError: the model cannot teach: its output is not logits (n, classes) of finite
                numbers, is drawn by chance, or changes the model.
        """
        images = current_session().inputs(self, x)
        return output_tensor(cached_logits(self, images), self.engine, self, images)

    @checked_call()
    def explain(
        self,
        x: Tensor | ImagesLike | None = None,
        *,
        label: int | str | None = None,
        layer: str | None = None,
    ) -> ExplanationTensor:
        """Where the network looks for a class: Grad-CAM, Selvaraju et al. 2017.

        ``Show(teacher.explain("cat.jpg"), student.explain("cat.jpg"))`` puts both side by side.

        Args:
            x: images, or the current tensor.
            label: the class, by name or number; left out, the most probable one of each image.
            layer: the layer whose maps are weighed; left out, the last one that makes maps.

        Returns:
            float32 (n, size, size) from 0 to 1, as large as the network's input.

        Raises:
            PlanError: the network has no classes, or no such layer.
            DataError: there is no such class.
            TrainingError, EngineError: gradients of the model cannot be had, as of an .onnx.

        >>> net.explain("cat.jpg", layer="conv1").shape
        (1, 16, 16)
        """
        session = current_session()
        made = explain(self, session.inputs(self, x), label, layer)
        session.current = made
        return made

    @checked_call()
    def feature(
        self, x: Tensor | ImagesLike | None = None, *, layer: str | None = None
    ) -> FeatureTensor:
        """What a layer makes of the images, in evaluation mode: (n, ...).

        Left out, what goes into the last layer, its means over positions: (n, channels). In a
        training with ``InputBatch(views=...)`` such means are cached on disk for any layer, and
        none is computed twice; a line says how much room they take.

        `layer` names a layer or a blob of a network, or a part of a model: ``"layer4.1"``; of a
        torch module also ``"input of fc"``, what goes into a part.

        Raises:
            PlanError: there is no such layer, the model shows none, or its last one is not known.
            TrainingError: the layer makes no tensor.
        """
        session = current_session()
        images = session.inputs(self, x)
        name = self.embedding_blob if layer is None else layer
        # At the prompt numbers are exact; in a training they may be rounded as all others.
        if session.trainer is None:
            content = self.feature_of(images, name, reduced=False)
            made = FeatureTensor(content, self.engine, self, images, name)
        else:
            made = features_in_training(self, images, name)
        if layer is not None:
            return made
        return FeatureTensor(made.pooled, self.engine, self, images, name)


def check_classes(predictor: Predictor, verb: str, instead: str) -> None:
    """Refuse a verb that is about classes on a network without any.

    Raises:
        PlanError: its output is an image or another array; it says what to call instead.
    """
    if not predictor.has_classes:
        shape = " x ".join(map(str, predictor.output_shape))
        raise PlanError(
            f"{predictor.name}.{verb}: its output is an array of {shape} and no logits of classes;"
            f" call {instead}, or give the names of its classes as labels="
        )


class Teaching(Predicting):
    """A teacher: `batch_feature` gives its logits; it has no `save`, and refuses to learn."""

    @checked_call()
    def classify(self, x: Tensor | ImagesLike | None = None) -> LogitsTensor:
        """The same logits as `batch_feature`, which become the current tensor.

        Raises:
            TrainingError: in the training part of a workout, where `classify` is for students.
        """
        session = current_session()
        if session.trainer is not None and session.trainer.training:
            raise TrainingError(
                f"{self.name}: is a teacher and does not learn; in a workout it predicts with"
                " logits = teacher.batch_feature(x)"
            )
        check_classes(self, "classify", "batch_feature(x)")
        logits = self.batch_feature(x)
        session.current = logits
        return cast(LogitsTensor, logits)

    def backprop(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a teacher never learns.

        Raises:
            TrainingError: always.
        """
        raise TrainingError(
            f"{self.name}: is a teacher and never learns; call backprop of the student, with"
            " distill=teacher.batch_feature(x)"
        )
