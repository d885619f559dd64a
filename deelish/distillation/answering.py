"""What teachers that are no networks have in common: they answer, and never learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn

from deelish.errors import TrainingError
from deelish.language.session import Deel, current_session
from deelish.network.tensors import ImageTensor, ScoreTensor, Tensor, images_of

if TYPE_CHECKING:
    from deelish.images.stills import Source
    from deelish.plan.preprocessing import Preprocessing


class Answering(ABC):
    """A teacher: `batch_feature` gives its answer; it has no `save`, and refuses to learn.

    Attributes:
        name, labels, session, preprocessing, parameters: see `contract.CanTeach`.
    """

    name: str
    labels: list[str] | None
    session: Deel
    preprocessing: Preprocessing
    parameters: int | None

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many logits an answer has."""

    @property
    @abstractmethod
    def new_layers(self) -> set[str]:
        """Layers of the answer that were neither loaded nor trained."""

    @property
    def learning(self) -> bool:
        """Whether it changes while it teaches."""
        return False

    @abstractmethod
    def fingerprint(self) -> str | None:
        """sha256 of all that the answer depends on beside the pixels; None where it may change."""

    @abstractmethod
    def _logits(self, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes), without gradients."""

    def batch_feature(self, x: Tensor | Source | None = None) -> ScoreTensor:
        """The teacher's answer: logits (n, classes), in test mode, without gradients.

        Raises:
            TrainingError: the model cannot teach: its answer is not logits (n, classes) of finite
                numbers, is drawn by chance, or changes the model.
        """
        images = images_of(self.name, x)
        return ScoreTensor(self._logits(images), self.session, self, images)

    def classify(self, x: Tensor | Source | None = None) -> ScoreTensor:
        """The same answer, which becomes the current tensor.

        Raises:
            TrainingError: in the training part of a workout, where `classify` is for students.
        """
        run = current_session().run
        if run is not None and run.training:
            raise TrainingError(
                f"{self.name}: is a teacher and does not learn; in a workout it answers with"
                " t = teacher.batch_feature(x)"
            )
        answer = self.batch_feature(x)
        answer.use()
        return answer

    def backprop(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a teacher never learns.

        Raises:
            TrainingError: always.
        """
        raise TrainingError(
            f"{self.name}: is a teacher and never learns; call backprop of the student, with"
            " t = teacher.batch_feature(x)"
        )
