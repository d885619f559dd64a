"""What everything that can teach has: a network, a teacher of any library, an ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from deelish.language.session import Deel
    from deelish.network.tensors import ScoreTensor
    from deelish.plan.preprocessing import Preprocessing


class CanTeach(Protocol):
    """Answers with logits in test mode, and says what it is."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def labels(self) -> list[str] | None:
        """Names of the classes, in the order of its logits, or None."""

    @property
    def classes(self) -> int:
        """How many logits an answer has."""

    @property
    def session(self) -> Deel:
        """Where its answers are tensors."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What it does to pixels."""

    @property
    def parameters(self) -> int | None:
        """How many learnt numbers it has, or None where that cannot be known."""

    @property
    def new_layers(self) -> set[str]:
        """Layers of the answer that were neither loaded nor trained."""

    @property
    def learning(self) -> bool:
        """Whether it changes while it teaches: the other student, the student's own average."""

    def batch_feature(self, x: Any = None) -> ScoreTensor:
        """Logits (n, classes), in test mode, without gradients."""

    def fingerprint(self) -> str | None:
        """sha256 of all that its answer depends on beside the pixels; None where it may change."""
