"""Tensors on an engine: what networks read, images, labels, and the base of all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from deelish.common.printing import say
from deelish.engines import Engine, current_context
from deelish.errors import DataError
from deelish.images.class_folders import ClassFolders
from deelish.images.figures import show_images
from deelish.images.sample import Labelled
from deelish.plan.arrays import rows_of
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.rendering import DEFAULT_RENDERING, Rendering
from deelish.plan.sequence_format import SequenceFormat


class Tensor:
    """An array on an engine.

    Attributes:
        engine: the engine that the content belongs to.
    """

    def __init__(self, content: Any, engine: Engine) -> None:
        self.engine = engine
        self._content = content

    @property
    def content(self) -> Any:
        """The engine's own tensor."""
        return self._content

    @property
    def value(self) -> np.ndarray:
        """The numbers as a NumPy array."""
        return self.engine.numpy(self.content)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, batch first."""
        return tuple(self.content.shape)

    def use(self) -> Self:
        """Make it the tensor that a verb without an argument acts on."""
        current_context().current = self
        return self

    def show(self) -> None:
        """Print the numbers."""
        say(str(self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}, shape {self.shape}"


class Array(Protocol):
    """An array of NumPy, or of the engine's framework."""

    @property
    def shape(self) -> Any:
        """The sides."""

    @property
    def dtype(self) -> Any:
        """The type of its numbers."""


class Pictures(Protocol):
    """Images that can be rendered in any way: a batch of a dataset, or images of the prompt."""

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: each view, as this rendering shows it."""

    def __len__(self) -> int:
        """How many images."""


class LogitsCache(Protocol):
    """What teachers make of recorded views, read from the disk where it is cached."""

    def look_again(self) -> None:
        """At the next batch, look at all that the logits of each teacher depend on."""

    def top_of(self, predictor: Any, images: ImageTensor) -> int | None:
        """How many of the highest logits are cached of these images; None for all, or none."""

    def logits(self, predictor: Any, images: ImageTensor) -> Any:
        """The engine's tensor (n, classes) of a `Predictor`, cached or computed now."""

    def features(self, predictor: Any, images: ImageTensor, layer: str) -> Any:
        """The means (n, channels) of a layer's features; None where they are not cached."""


@dataclass(frozen=True)
class Viewing:
    """How a tensor shows its images and labels to networks, beside each one's preprocessing.

    Attributes:
        crop: a crop fraction in place of each network's own.
        cache: the teacher cache for these images, or None.
        guarded: whether a training looks for NaN and infinity in what teachers make of them.
        shown: gives the preprocessing that sets the size of `value`; None for the default size.
        full_batch: how many images of a full batch this process has; None outside of trainings.
        folders: the class folders that the labels of the images number, or None.
    """

    crop: float | None = None
    cache: LogitsCache | None = None
    guarded: bool = False
    shown: Callable[[], Preprocessing | None] = lambda: None
    full_batch: int | None = None
    folders: ClassFolders | None = None


class ReadingNetwork(Protocol):
    """What a network says of its input."""

    name: str
    preprocessing: Preprocessing
    sequences: SequenceFormat | None

    @property
    def engine(self) -> Engine:
        """The engine of its input."""

    @property
    def data_blob(self) -> str:
        """The name of its input."""

    @property
    def logits_blob(self) -> str:
        """The name of its logits."""


class InputTensor(Tensor):
    """What networks read, images or sequences: each network gets its own input from it.

    Attributes:
        labels: the targets of the batch, or None.
        viewing: how it is shown to networks.
        noun: what a row of logits is of.
    """

    noun = "image"

    def __init__(
        self, engine: Engine, labels: LabelTensor | None = None, viewing: Viewing | None = None
    ) -> None:
        super().__init__(None, engine)
        self.labels = labels
        self.viewing = viewing or Viewing()

    @abstractmethod
    def __len__(self) -> int:
        """How many images, or sequences."""

    @property
    def rows(self) -> int:
        """How many rows its logits have: one an image or sequence, or one for each token."""
        return len(self)

    @property
    def origin(self) -> InputTensor:
        """The images that these were made from: themselves, or those without the noise."""
        return self

    @abstractmethod
    def inputs_of(self, network: ReadingNetwork) -> dict[str, Any]:
        """A network's inputs by name: the engine's tensors.

        Raises:
            DataError: it does not read such.
        """

    def rows_of(self, scores: Any, network: ReadingNetwork) -> Any:
        """A row for each image or sequence, or for each token: (rows, classes).

        Args:
            scores: what the network made, the engine's tensor (n, classes) or (n, classes, 1, 1),
                or for each token (time, n, classes).
            network: the network.
        """
        return rows_of(scores, network.logits_blob)

    def features_of(self, content: Any, network: ReadingNetwork) -> Any:
        """What a layer made: the engine's tensor (n, ...), or (tokens, ...) of each step."""
        return content

    def pixels(self, preprocessing: Preprocessing) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB, by the rule of this preprocessing.

        Raises:
            DataError: these are no images.
        """
        return self.pictures.pixels(self.rendering(preprocessing))

    @property
    def pictures(self) -> Pictures:
        """The images in any rendering.

        Raises:
            DataError: these are no images.
        """
        raise DataError(f"{self!r} holds no images, which is what this model takes")

    def rendering(self, preprocessing: Preprocessing) -> Rendering:
        """How the images become pixels for this preprocessing."""
        return preprocessing.rendering(self.viewing.crop)


class ImageTensor(InputTensor):
    """Images that each network sees in the same view, by its own preprocessing.

    `value` is float32 (n, 3, side, side), RGB from 0 to 255, at the largest input size of the
    session's networks. The networks cut their own inputs from the images, not from `value`.
    """

    def __init__(
        self,
        pictures: Pictures,
        engine: Engine,
        labels: LabelTensor | None = None,
        viewing: Viewing | None = None,
    ) -> None:
        super().__init__(engine, labels, viewing)
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def pictures(self) -> Pictures:
        """The images in any rendering."""
        return self._pictures

    def inputs_of(self, network: ReadingNetwork) -> dict[str, Any]:
        """The pixels as a network's input, the engine's tensor (n, channels, size, size).

        Raises:
            DataError: the network reads sequences.
        """
        if network.sequences is not None:
            raise DataError(
                f"{network.name}: reads sequences of {network.sequences.tokens}, and these are"
                " images; give it a .tsv file, or a text"
            )
        rule = network.preprocessing
        return {network.data_blob: network.engine.input_of(self.pixels(rule), rule)}

    def subset(self, pictures: Pictures, labels: LabelTensor | None) -> ImageTensor:
        """Some of these images, rendered in the same way."""
        return ImageTensor(pictures, self.engine, labels, self.viewing)

    @property
    def value(self) -> np.ndarray:
        """float32 (n, 3, side, side), RGB, 0 to 255."""
        shown = self.viewing.shown()
        rendering = DEFAULT_RENDERING if shown is None else self.rendering(shown)
        pixels = self.pictures.pixels(rendering)
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32)

    @property
    def content(self) -> Any:
        """`value` as the engine's own tensor."""
        return self.engine.array(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, 3, side, side)."""
        return self.value.shape

    def show(self) -> None:
        """Show the first images in a window, or as a file where there is no screen."""
        show_images([self.value])


class LabelTensor(Tensor):
    """True labels of a batch: int64 (n,). Those of images without labels are not known.

    Attributes:
        known: whether the images have labels; without them `value`, `content` and `shape` raise.
        samples: the line of the list that each is from.
        probabilities: float32 (n, classes), the probability of each class where images are mixed;
            None where each image has one class.
    """

    def __init__(
        self,
        labels: np.ndarray | None,
        engine: Engine,
        samples: Sequence[Labelled] = (),
        probabilities: np.ndarray | None = None,
    ) -> None:
        super().__init__(None, engine)
        self._labels = labels
        self.known = labels is not None
        self.samples = list(samples)
        self.probabilities = probabilities

    @property
    def value(self) -> np.ndarray:
        """int64 (n,).

        Raises:
            DataError: the images have no labels.
        """
        if self._labels is None:
            raise DataError(
                "t: these images have no labels; learn from a teacher with backprop(logits,"
                " distill=True), or give InputBatch images with labels"
            )
        return self._labels

    @property
    def content(self) -> Any:
        """`value` as the engine's own tensor."""
        return self.engine.array(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,)."""
        return self.value.shape

    def subset(self, rows: np.ndarray) -> LabelTensor:
        """The labels of these rows, without the probabilities of mixed images."""
        samples = [self.samples[row] for row in rows] if self.samples else []
        labels = None if self._labels is None else self._labels[rows]
        return LabelTensor(labels, self.engine, samples)

    def __repr__(self) -> str:
        return super().__repr__() if self.known else f"{type(self).__name__}, no labels"
