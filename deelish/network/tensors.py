"""Tensors on an engine: the base of all, and labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np

from deelish.common.printing import say
from deelish.engines import Engine, current_context
from deelish.errors import DataError
from deelish.images.sample import Labelled


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


class HostTensor(Tensor):
    """A tensor whose numbers are a NumPy array first, and the engine's own where it is asked."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(None, engine)

    @property
    @abstractmethod
    def value(self) -> np.ndarray:
        """The numbers as a NumPy array."""

    @property
    def content(self) -> Any:
        """`value` as the engine's own tensor."""
        return self.engine.array(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `value`."""
        return self.value.shape


class LabelTensor(HostTensor):
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
        super().__init__(engine)
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

    def subset(self, rows: np.ndarray) -> LabelTensor:
        """The labels of these rows, without the probabilities of mixed images."""
        samples = [self.samples[row] for row in rows] if self.samples else []
        labels = None if self._labels is None else self._labels[rows]
        return LabelTensor(labels, self.engine, samples)

    def __repr__(self) -> str:
        return super().__repr__() if self.known else f"{type(self).__name__}, no labels"
