"""The base of whatever computes logits: networks, teachers of any library, ensembles, averages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deelish.common.arguments import ChecksCalls
from deelish.common.other_words import METHODS
from deelish.engines import Context, Engine
from deelish.engines.sensitivity import Sensitivity
from deelish.errors import PlanError, TrainingError
from deelish.network.inputs import InputTensor
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.sequence_format import SequenceFormat


class Predictor(ChecksCalls, ABC):
    """Whatever can teach: it computes logits in evaluation mode.

    Attributes:
        name: what messages call it.
        labels: the names of its classes, in the order of its logits, or None.
        context: the engine, device and seed that it was made in.
        preprocessing: how pixels become its input.
        parameters: how many parameters it has, or None where that is not known.
        members: the predictors whose logits it combines; each is cached by itself.
        sequences: the format of the sequences that it reads; None where it reads images.
        files: all that it consists of, where a runtime computes the files themselves.
        computed_by: that runtime, its device and threads, in words; None for the engine.
    """

    name: str
    labels: list[str] | None
    context: Context
    preprocessing: Preprocessing
    parameters: int | None
    members: Sequence[Predictor] = ()
    sequences: SequenceFormat | None = None
    files: Sequence[Path] = ()
    computed_by: str | None = None

    # A checker of types shall know of no other attributes than these.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in METHODS:
                raise AttributeError(f"{type(self).__name__} has no {name}(): {METHODS[name]}")
            # Again, for the error of its own: that of a property, or of a name that is not there.
            return super().__getattribute__(name)

    @property
    def engine(self) -> Engine:
        """The engine of its logits."""
        return self.context.engine

    @property
    @abstractmethod
    def classes(self) -> int:
        """How many logits an image has."""

    @property
    def has_classes(self) -> bool:
        """Whether its output is logits, one score a class, and no image or other array."""
        return True

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of its output for one image: (classes,), or that of an array."""
        return (self.classes,)

    @property
    def new_layers(self) -> set[str]:
        """The layers that its logits depend on and that were neither loaded nor trained."""
        return set()

    @property
    def all_new(self) -> bool:
        """Whether none of the layers that its logits depend on was loaded or trained."""
        return False

    def trainable_ids(self) -> set[int]:
        """What tells its trainable weights from those of others: two students may share none."""
        return set()

    @property
    def learning(self) -> bool:
        """Whether its weights change while it teaches: the other student, a running average."""
        return False

    @property
    def origin(self) -> Predictor:
        """The predictor that computes its logits: itself, or the network that it wraps."""
        return self

    @abstractmethod
    def logits(self, images: InputTensor) -> Any:
        """The engine's tensor (n, classes) for these images, in evaluation mode, no gradients."""

    def exact_logits(self, images: InputTensor) -> Any:
        """The same in `exact_dtype`, never from the teacher cache."""
        return self.logits(images)

    @property
    def exact_dtype(self) -> str:
        """What `exact_logits` computes in: float32, or the precision that the session names."""
        return self.engine.exact_dtype

    def blob_of(self, layer: str) -> str:
        """The name of a layer's features among those computed with the logits."""
        return layer

    @property
    def embedding_blob(self) -> str:
        """The name of what goes into its last layer: the features that its logits are made of.

        Raises:
            PlanError: its last layer cannot be found.
        """
        raise PlanError(
            f"{self.name}: what goes into its last layer is not known; name a layer with layer="
        )

    def feature_of(self, images: InputTensor, layer: str, *, reduced: bool) -> Any:
        """The features of an inner layer, in evaluation mode: the engine's tensor.

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

    def sensitivity(
        self, images: InputTensor, layer: str | None, labels: np.ndarray
    ) -> Sensitivity:
        """The maps of a layer, and the gradients of the logits of labels (n,) to them.

        Args:
            images: the images.
            layer: its name; None for the last one that makes maps of several positions.
            labels: a class of each image.

        Raises:
            PlanError: there is no such layer, or it makes no maps that the logits depend on.
            TrainingError: its gradients cannot be had.
        """
        raise TrainingError(
            f"{self.name}: combines the logits of others, so that nothing shows what it looks at;"
            " give one of its networks"
        )

    @abstractmethod
    def fingerprint(self) -> str | None:
        """sha256 of all that its logits depend on but the pixels; None where they may change."""

    def known_fingerprint(self) -> str | None:
        """The fingerprint of the last look at it, where what costs little to see is as it was.

        `fingerprint` looks at all; the teacher cache calls it in each epoch, and this for each
        batch.
        """
        return self.fingerprint()

    def notice_changes(self) -> None:
        """Look at all that its logits depend on, where a form of it was made that could be old."""

    def feature_fingerprint(self, layer: str) -> str | None:
        """The known one for the features of a layer; None where they cannot be cached."""
        return self.known_fingerprint()

    @property
    def undescribed(self) -> str | None:
        """Why it has no fingerprint where it needs a cure: the end of a sentence."""
        return None
