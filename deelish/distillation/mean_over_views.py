"""The mean of a network's logits over mirrored and shifted views of what it is shown."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from deelish.errors import TrainingError
from deelish.network.inputs import ImageTensor, InputTensor, Pictures
from deelish.network.predictor import Predictor
from deelish.plan.rendering import Rendering


class _Padded:
    """Pictures with so many pixels reflected beyond each edge; each way is rendered once."""

    def __init__(self, pictures: Pictures, margin: int) -> None:
        self.pictures, self._margin = pictures, margin
        self._made: dict[Rendering, np.ndarray] = {}

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size + 2 * margin, size + 2 * margin, 3), RGB."""
        if rendering not in self._made:
            beyond = (self._margin, self._margin)
            pixels = self.pictures.pixels(rendering)
            self._made[rendering] = np.pad(pixels, ((0, 0), beyond, beyond, (0, 0)), "reflect")
        return self._made[rendering]


@dataclass(frozen=True)
class _View:
    """A window of padded pictures: where it begins, and whether it is mirrored.

    It has no keys, so that the teacher cache does not take it for the pictures themselves.
    """

    padded: _Padded
    top: int
    left: int
    mirrored: bool

    def pixels(self, rendering: Rendering) -> np.ndarray:
        """uint8 (n, size, size, 3), RGB."""
        size = rendering.size
        rows, columns = (slice(start, start + size) for start in (self.top, self.left))
        window = self.padded.pixels(rendering)[:, rows, columns]
        return np.ascontiguousarray(window[:, :, ::-1] if self.mirrored else window)

    def __len__(self) -> int:
        return len(self.padded.pictures)


class MeanOverViews(Predictor):
    """The mean over views; `TestTimeAugmentation` documents its arguments."""

    def __init__(self, net: Predictor, mirror: bool = True, shift: int = 0) -> None:
        if not isinstance(net, Predictor):
            raise TrainingError(
                f"TestTimeAugmentation({type(net).__name__}): gives no logits that deelish knows;"
                " give a network, or Teacher(model) for another library's model"
            )
        if not net.has_classes:
            raise TrainingError(
                f"TestTimeAugmentation: averages logits over views, and {net.name} has no classes;"
                " give a network that has"
            )
        if net.sequences is not None:
            raise TrainingError(
                f"TestTimeAugmentation: averages over views of an image, and {net.name} reads"
                " sequences; give a network of images"
            )
        size = net.preprocessing.size
        if not isinstance(shift, int) or isinstance(shift, bool) or not 0 <= shift < size:
            raise TrainingError(
                f"TestTimeAugmentation(shift={shift!r}): give whole pixels, from 0 up to below the"
                f" {size} of {net.name}"
            )
        if not (mirror or shift):
            raise TrainingError(
                "TestTimeAugmentation(mirror=False, shift=0): leaves one view, and nothing to"
                " average; give mirror=True, or shift=2"
            )
        self.net, self.mirror, self.shift = net, mirror, shift
        self.name = f"test-time augmentation of {net.name}"
        self.labels, self.context = net.labels, net.context
        self.preprocessing, self.parameters = net.preprocessing, net.parameters

    @property
    def views(self) -> int:
        """How many views the mean is of."""
        return (2 * self.shift + 1) ** 2 * (1 + self.mirror)

    @property
    def classes(self) -> int:
        """Those of the network."""
        return self.net.classes

    @property
    def new_layers(self) -> set[str]:
        """Those of the network."""
        return self.net.new_layers

    @property
    def all_new(self) -> bool:
        """Whether none of the network's layers was loaded or trained."""
        return self.net.all_new

    @property
    def learning(self) -> bool:
        """Whether the network is in training."""
        return self.net.learning

    @property
    def origin(self) -> Predictor:
        """The network that computes its logits."""
        return self.net.origin

    def trainable_ids(self) -> set[int]:
        """Those of the network."""
        return self.net.trainable_ids()

    def logits(self, images: InputTensor) -> Any:
        """The mean: the engine's tensor (n, classes)."""
        return self._mean(images, self.net.logits)

    def exact_logits(self, images: InputTensor) -> Any:
        return self._mean(images, self.net.exact_logits)

    @property
    def exact_dtype(self) -> str:
        """That of the network."""
        return self.net.exact_dtype

    def _mean(self, images: InputTensor, logits: Callable[[InputTensor], Any]) -> Any:
        made = [self.engine.numpy(logits(view)) for view in self._views(images)]
        mean = np.stack(made).astype(np.float64).mean(0)
        return self.engine.array(mean.astype(np.float32))

    def _views(self, images: InputTensor) -> Iterator[InputTensor]:
        padded = _Padded(images.pictures, self.shift)
        starts, mirrored = range(2 * self.shift + 1), (False, True)[: 1 + self.mirror]
        for top, left, flipped in itertools.product(starts, starts, mirrored):
            view = _View(padded, top, left, flipped)
            yield ImageTensor(view, images.engine, viewing=images.viewing)

    def fingerprint(self) -> str | None:
        """sha256 of the network's fingerprint, and of the views; None where it has none."""
        return self._of(self.net.fingerprint())

    def known_fingerprint(self) -> str | None:
        """The same of the last look at the network."""
        return self._of(self.net.known_fingerprint())

    def _of(self, fingerprint: str | None) -> str | None:
        if fingerprint is None:
            return None
        facts = ["mean over views", fingerprint, self.mirror, self.shift]
        return sha256(json.dumps(facts).encode()).hexdigest()

    def notice_changes(self) -> None:
        """Look at all that the network's logits depend on."""
        self.net.notice_changes()

    @property
    def undescribed(self) -> str | None:
        """Why the network has no fingerprint where it needs a cure: the end of a sentence."""
        return self.net.undescribed

    def __repr__(self) -> str:
        return f"{self.name} | {self.views} views | {self.classes} classes | teacher only"
