"""Tensors: a value, the network that made it, and how it shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from deelish.common.figures import show_images
from deelish.common.printing import say
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.stills import Stills
from deelish.images.views.view import UNSEEN
from deelish.language.session import Deel, current_session

if TYPE_CHECKING:
    from deelish.distillation.contract import CanTeach
    from deelish.images.sample import Item
    from deelish.images.stills import Source


class Tensor:
    """An array and where it came from.

    Attributes:
        content: the engine's own tensor.
        owner: the network that made it, or another that can teach, or None.
        source: the images that it was computed from, or None.
    """

    def __init__(
        self,
        content: Any,
        session: Deel | None = None,
        owner: CanTeach | None = None,
        source: ImageTensor | None = None,
    ) -> None:
        self.session = session or current_session()
        self.owner = owner
        self.source = source
        self._content = content

    @property
    def engine(self) -> Engine:
        """The engine that the content belongs to."""
        return self.session.engine

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

    def use(self) -> Tensor:
        """Make it the tensor that a command without an argument acts on."""
        self.session.current = self
        return self

    def show(self) -> None:
        """Print the numbers."""
        say(str(self.value))

    def __repr__(self) -> str:
        made = f" of {self.owner.name}" if self.owner is not None else ""
        return f"{type(self).__name__}{made}, shape {self.shape}"


class Picture(Protocol):
    """Images that can be cut to any size: a batch of a list, or images given at the prompt."""

    def pixels(self, size: int, base: int) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB: each image's view, cut from a base x base image."""

    def __len__(self) -> int:
        """How many images."""


class ImageTensor(Tensor):
    """Images that each network sees at its own size, channel order and mean, in the same view.

    `value` is float32 (n, 3, side, side), RGB from 0 to 255, at the largest size that a network of
    the session takes; the networks themselves cut their inputs from the images, not from it.
    """

    def __init__(
        self, pictures: Picture, session: Deel | None = None, labels: LabelTensor | None = None
    ) -> None:
        super().__init__(None, session)
        self.pictures = pictures
        self.labels = labels

    def __len__(self) -> int:
        return len(self.pictures)

    def pixels(self, network: CanTeach) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB, as this network's preprocessing cuts it."""
        size = network.preprocessing.size
        return self.pictures.pixels(size, self.base(network))

    def base(self, network: CanTeach) -> int:
        """Side in pixels of the square image that this network's view is cut from."""
        sets = self.session.sets
        # crop= of InputBatch speaks of the images of its lists, not of one given at the prompt.
        if sets is not None and self.labels is not None:
            return sets.base(network.preprocessing)
        return network.preprocessing.resize_size()

    @property
    def value(self) -> np.ndarray:
        """float32 (n, 3, side, side), RGB, 0 to 255."""
        largest = max(
            self.session.networks, key=lambda network: network.preprocessing.size, default=None
        )
        pixels = self.pixels(largest) if largest else self.pictures.pixels(*UNSEEN)
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
        show_images(self.value)


class LabelTensor(Tensor):
    """True labels of a batch: int64 (n,).

    Attributes:
        items: which line of which list each is from.
        probabilities: float32 (n, classes), the share of each class where images are mixed; None
            where each image has one class.
    """

    def __init__(
        self,
        labels: np.ndarray,
        session: Deel | None = None,
        items: Sequence[Item] = (),
        probabilities: np.ndarray | None = None,
    ) -> None:
        super().__init__(None, session)
        self._labels = labels
        self.items = list(items)
        self.probabilities = probabilities

    @property
    def value(self) -> np.ndarray:
        """int64 (n,)."""
        return self._labels

    @property
    def content(self) -> Any:
        """`value` as the engine's own tensor."""
        return self.engine.array(self._labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n,)."""
        return self._labels.shape


class ScoreTensor(Tensor):
    """Logits (n, classes): what a network answers. Its labels are its owner's.

    Attributes:
        trained_mode: whether dropout was drawn for it, as for a student that learns.
        features: inner blobs kept beside the logits, by name: the engine's own tensors.
    """

    def __init__(
        self,
        content: Any,
        session: Deel | None = None,
        owner: CanTeach | None = None,
        source: ImageTensor | None = None,
    ) -> None:
        super().__init__(content, session, owner, source)
        self.trained_mode = False
        self.features: dict[str, Any] = {}

    @property
    def probabilities(self) -> np.ndarray:
        """float32 (n, classes): the softmax of the logits, taken once, here."""
        return self.engine.numpy(self.engine.softmax(self.content))

    def top(self, count: int = 5) -> list[list[tuple[str, float]]]:
        """For each image the most probable labels, each with its probability."""
        names = self.owner.labels if self.owner is not None else None
        if self.owner is not None and self.owner.new_layers:
            new = ", ".join(sorted(self.owner.new_layers)[:3])
            say(
                f"{self.owner.name}: {new} hold first values, so that labels mean nothing yet; pass"
                " modelpath=, or train it"
            )
        answers = []
        for row in self.probabilities:
            # A stable sort of the negative: equal scores come in the order of the labels.
            best = np.argsort(-row, kind="stable")[:count]
            answers.append([(names[i] if names else str(i), float(row[i])) for i in best])
        return answers

    def show(self) -> None:
        """Print the five most probable labels of each image."""
        answers = self.top()
        for number, rows in enumerate(answers):
            if len(answers) > 1:
                say(f"image {number}")
            for rank, (name, probability) in enumerate(rows, start=1):
                say(f"#{rank} | {name} | {probability:.1%}")


def images_of(name: str, x: Tensor | Source | None) -> ImageTensor:
    """The images of `x`, of an answer to them, or of the current tensor.

    Raises:
        DataError: it holds no images.
    """
    tensor = current_session().tensor() if x is None else x
    if not isinstance(tensor, Tensor):
        return ImageTensor(Stills.of(tensor))
    found = tensor if isinstance(tensor, ImageTensor) else tensor.source
    if found is None:
        raise DataError(
            f"{name}: {tensor!r} holds no images; give those of workout, or call Input('cat.jpg')"
            " first"
        )
    return found
