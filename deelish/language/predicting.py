"""The verbs of whatever predicts, and what every teacher refuses."""

from __future__ import annotations

from typing import NoReturn

from deelish.common.arguments import checked_call
from deelish.errors import TrainingError
from deelish.images.in_memory import ImagesLike
from deelish.language.session import current_session
from deelish.network.outputs import FeatureTensor, LogitsTensor, cached_logits
from deelish.network.predictor import Predictor
from deelish.network.tensors import Tensor


class Predicting(Predictor):
    """A predictor with Deel's verbs."""

    @checked_call()
    def batch_feature(self, x: Tensor | ImagesLike | None = None) -> LogitsTensor:
        """The logits (n, classes) of a teacher: always in evaluation mode, without gradients.

        With ``InputBatch(views=...)`` they are cached on disk, and none is computed twice.

        Raises:
            TrainingError: the model cannot teach: its output is not logits (n, classes) of finite
                numbers, is drawn by chance, or changes the model.
        """
        images = current_session().images(self.name, x)
        return LogitsTensor(cached_logits(self, images), self.engine, self, images)

    @checked_call()
    def feature(self, x: Tensor | ImagesLike | None = None, *, layer: str) -> FeatureTensor:
        """What a layer makes of the images, in evaluation mode: (n, ...).

        `layer` names a layer or a blob of a network, or a part of a model: ``"layer4.1"``.

        Raises:
            PlanError: there is no such layer, or the model shows none.
        """
        session = current_session()
        images = session.images(self.name, x)
        # At the prompt numbers are exact; in a training they may be rounded as all others.
        content = self.feature_of(images, layer, reduced=session.trainer is not None)
        return FeatureTensor(content, self.engine, self, images)


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
        logits = self.batch_feature(x)
        session.current = logits
        return logits

    def backprop(self, *_: object, **__: object) -> NoReturn:
        """Refuse: a teacher never learns.

        Raises:
            TrainingError: always.
        """
        raise TrainingError(
            f"{self.name}: is a teacher and never learns; call backprop of the student, with"
            " distill=teacher.batch_feature(x)"
        )
