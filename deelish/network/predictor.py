"""What gives logits: a network, a teacher of any library, an ensemble, a running average."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from deelish.common.arguments import ChecksCalls
from deelish.engines import Context, Engine
from deelish.errors import PlanError
from deelish.network.tensors import ImageTensor
from deelish.plan.preprocessing import Preprocessing


class Predictor(ChecksCalls, ABC):
    """Whatever can teach: it gives logits in evaluation mode, and says what it is.

    Attributes:
        name: what messages call it.
        labels: the names of its classes, in the order of its logits, or None.
        context: the engine, device and seed that it was made in.
        preprocessing: what it does to pixels.
        parameters: how many parameters it has, or None where that cannot be known.
    """

    name: str
    labels: list[str] | None
    context: Context
    preprocessing: Preprocessing
    parameters: int | None

    @property
    def engine(self) -> Engine:
        """The engine whose tensors its logits are."""
        return self.context.engine

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many logits it gives for an image."""

    @property
    def new_layers(self) -> set[str]:
        """The layers behind its logits that were neither loaded nor trained."""
        return set()

    @property
    def all_new(self) -> bool:
        """Whether none of the layers behind its logits was loaded or trained."""
        return False

    @property
    def learning(self) -> bool:
        """Whether its weights change while it teaches: the other student, a running average."""
        return False

    @property
    def origin(self) -> Predictor:
        """Whose logits it gives: its own, or those of the network that it wraps."""
        return self

    @abstractmethod
    def logits(self, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes) for these images, in evaluation mode, no gradients."""

    def blob_of(self, layer: str) -> str:
        """The name under which the values of a layer are found beside the logits."""
        return layer

    def feature_of(self, images: ImageTensor, layer: str, *, reduced: bool) -> Any:
        """What an inner layer makes of the images, in evaluation mode: the engine's tensor.

        Args:
            images: the images.
            layer: its name.
            reduced: whether the layers may compute in the engine's reduced precision.

        Raises:
            PlanError: there is no such layer, or the inner layers cannot be seen.
        """
        raise PlanError(
            f"{self.name}: has no layer {layer!r} of its own; take the features of one of its"
            " networks"
        )

    @abstractmethod
    def fingerprint(self) -> str | None:
        """sha256 of all that its logits depend on beside the pixels; None where they may change."""
