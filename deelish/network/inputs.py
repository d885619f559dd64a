"""What networks read: the base of images and sequences, and images."""

from __future__ import annotations

from abc import abstractmethod
from html import escape
from typing import Any, Protocol

import numpy as np

from deelish.common.html import quietly
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.figures import show_images
from deelish.images.thumbnails import thumbnails
from deelish.network.tensors import HostTensor, LabelTensor
from deelish.network.viewing import Viewing
from deelish.plan.arrays import rows_of
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.rendering import DEFAULT_RENDERING, Rendering
from deelish.plan.sequence_format import SequenceFormat


class Pictures(Protocol):
    """Images that can be rendered in any way: a batch of a dataset, or images of the prompt."""

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: each view, as this rendering shows it."""

    def __len__(self) -> int:
        """How many images."""


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


class InputTensor(HostTensor):
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
        super().__init__(engine)
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

    def show(self) -> None:
        """Show the first images in a window, or as a file where there is no screen."""
        show_images([self.value])

    @quietly
    def _repr_html_(self) -> str:
        """The first images, for a notebook."""
        return f"<div>{escape(repr(self))}</div>{thumbnails(self.value)}"
