"""The outputs of a network: the features of a layer, and logits."""

from __future__ import annotations

import functools
from html import escape
from typing import Any

import numpy as np

from deelish.common.checks import is_count
from deelish.common.html import bars, beside, quietly
from deelish.common.printing import say
from deelish.engines import Engine
from deelish.errors import DataError
from deelish.images.figures import MOST_IMAGES
from deelish.images.thumbnails import thumbnails
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.pooling import mean_over_positions
from deelish.network.predictor import Predictor
from deelish.network.tensors import Tensor

# How many classes of an image are bars.
BARS = 5


class FeatureTensor(Tensor):
    """The features of a layer for images.

    Attributes:
        owner: the network that computed it, or another predictor, or None.
        source: the images that it was computed from, or None.
        layer: the layer that it was asked of, or None.
    """

    def __init__(
        self,
        content: Any,
        engine: Engine,
        owner: Predictor | None = None,
        source: InputTensor | None = None,
        layer: str | None = None,
    ) -> None:
        super().__init__(content, engine)
        self.owner = owner
        self.source = source
        self.layer = layer

    @property
    def pooled(self) -> Any:
        """The means over positions or tokens: the engine's tensor (n, channels).

        Raises:
            TrainingError: the features have other axes than (n, channels), (n, tokens, channels)
                or (n, channels, height, width).
        """
        images = self.shape[0] if self.source is None else self.source.rows
        return mean_over_positions(self.engine, self.content, images, self._described())

    @property
    def maps(self) -> np.ndarray | None:
        """uint8 (n, c, h, w): the maps of a layer, each from 0 to 255; None for others."""
        if len(self.shape) != 4 or self.shape[2] * self.shape[3] == 1:
            return None
        values = self.value
        low, high = (bound(values, (2, 3), keepdims=True) for bound in (np.min, np.max))
        return np.asarray(255 * (values - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)

    @quietly
    def _repr_html_(self) -> str:
        """The first maps of the first image, for a notebook; other features are text."""
        maps, title = self.maps, f"<div>{escape(repr(self))}</div>"
        if maps is None:
            return title
        return title + thumbnails(np.repeat(maps[0][:, np.newaxis], 3, 1), noun="map")

    def _described(self) -> str:
        made = self.owner.name if self.owner is not None else "a network"
        return f"{self.layer!r} of {made}"

    def __repr__(self) -> str:
        made = f" of {self.owner.name}" if self.owner is not None else ""
        return f"{type(self).__name__}{made}, shape {self.shape}"


class CachedFeatures(FeatureTensor):
    """Features of a layer in a training, whose `pooled` is from the teacher cache.

    All of them are computed only where a script reads them.
    """

    def __init__(self, pooled: Any, owner: Predictor, source: InputTensor, layer: str) -> None:
        super().__init__(None, owner.engine, owner, source, layer)
        self._pooled = pooled
        self._compute = functools.partial(owner.feature_of, source, layer, reduced=True)

    @property
    def content(self) -> Any:
        """The engine's own tensor."""
        if self._content is None:
            self._content = self._compute()
        return self._content

    @property
    def pooled(self) -> Any:
        """The means over positions or tokens: the engine's tensor (n, channels)."""
        return self._pooled


class OutputTensor(FeatureTensor):
    """The output (n, ...) of a network: reconstructed images, or any numbers.

    Attributes:
        training: whether dropout was drawn for it, as for a student in training.
        features: inner blobs computed with it, by name: the engine's own tensors.
    """

    def __init__(
        self,
        content: Any,
        engine: Engine,
        owner: Predictor | None = None,
        source: InputTensor | None = None,
    ) -> None:
        super().__init__(content, engine, owner, source)
        self.training = False
        self.features: dict[str, Any] = {}

    @property
    def images(self) -> np.ndarray | None:
        """float32 (n, 3, h, w), RGB from 0 to 255, by its owner's preprocessing; None for others.

        Others have no owner, or another number of channels than its input.
        """
        if self.owner is None or len(self.shape) != 4:
            return None
        return self.owner.preprocessing.images_of(self.value)

    @quietly
    def _repr_html_(self) -> str:
        """The first images that the network made, for a notebook; other numbers are text."""
        images, title = self.images, f"<div>{escape(repr(self))}</div>"
        return title if images is None else title + thumbnails(images)


class LogitsTensor(OutputTensor):
    """Logits (n, classes) of a network. Its labels are its owner's."""

    @property
    def probabilities(self) -> np.ndarray:
        """float32 (n, classes): the softmax of the logits."""
        return self.engine.numpy(self.engine.softmax(self.content))

    def top(self, count: int = 5) -> list[list[tuple[str, float]]]:
        """For each image the most probable labels, each with its probability.

        Raises:
            DataError: `count` is no whole number above 0.
        """
        if not is_count(count):
            raise DataError(f"top={count!r}: give how many labels, a whole number above 0")
        if self.owner is not None and self.owner.new_layers:
            new = ", ".join(sorted(self.owner.new_layers)[:3])
            say(
                f"{self.owner.name}: {new} has its initial weights, so that its predictions mean"
                " nothing yet; pass modelpath=, or train it"
            )
        return self._best(self.probabilities, count)

    def _best(self, probabilities: np.ndarray, count: int) -> list[list[tuple[str, float]]]:
        names = self.owner.labels if self.owner is not None else None
        predictions = []
        for row in probabilities:
            # A stable sort of the negative keeps equal logits in the order of the labels.
            best = np.argsort(-row, kind="stable")[:count]
            predictions.append([(names[i] if names else str(i), float(row[i])) for i in best])
        return predictions

    def show(self) -> None:
        """Print the five most probable labels of each image."""
        predictions = self.top()
        noun = "image" if self.source is None else self.source.noun
        for number, rows in enumerate(predictions):
            if len(predictions) > 1:
                say(f"{noun} {number}")
            for rank, (name, probability) in enumerate(rows, start=1):
                say(f"#{rank} | {visible(name)} | {probability:.1%}")

    @quietly
    def _repr_html_(self) -> str:
        """The first images with their most probable classes as bars, for a notebook."""
        shown = self._best(self.probabilities[:MOST_IMAGES], BARS)
        rows = [bars((visible(name), share) for name, share in row) for row in shown]
        title = f"<div>{escape(repr(self))}</div>"
        if isinstance(self.source, ImageTensor):
            return title + thumbnails(self.source.value, rows)
        noun = "row" if self.source is None else self.source.noun
        return title + beside(f"{noun} {number}{row}" for number, row in enumerate(rows))


def visible(name: str) -> str:
    """The name of a class, where it is a token of no width too."""
    return name if name.isprintable() and name.strip() else repr(name)


def output_tensor(
    content: Any, engine: Engine, owner: Predictor, source: InputTensor
) -> OutputTensor:
    """The output of a predictor: logits, where it has classes."""
    kind = LogitsTensor if owner.has_classes else OutputTensor
    return kind(content, engine, owner, source)


def cached_logits(predictor: Predictor, images: InputTensor) -> Any:
    """The logits of a teacher, from the teacher cache where the images have one.

    The engine's tensor (n, classes), in evaluation mode, without gradients.
    """
    cache = images.viewing.cache
    if cache is None:
        return predictor.logits(images)
    return cache.logits(predictor, images)


def features_in_training(predictor: Predictor, images: InputTensor, layer: str) -> FeatureTensor:
    """The features of a teacher's layer, from the teacher cache where the images have one."""
    cache = images.viewing.cache
    if cache is not None and isinstance(images, ImageTensor):
        pooled = cache.features(predictor, images, layer)
        if pooled is not None:
            return CachedFeatures(pooled, predictor, images, layer)
    content = predictor.feature_of(images, layer, reduced=True)
    return FeatureTensor(content, predictor.engine, predictor, images, layer)
