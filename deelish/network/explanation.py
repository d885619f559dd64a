"""Where a network looks: class activation maps by Grad-CAM, laid over the images."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deelish.common.html import quietly
from deelish.engines.sensitivity import Sensitivity
from deelish.errors import DataError, PlanError
from deelish.images.thumbnails import thumbnails
from deelish.network.inputs import ImageTensor, InputTensor
from deelish.network.predictor import Predictor
from deelish.network.tensors import Tensor

# How much of a pixel is covered where the map is 1.
COVER = 0.65
COLOURS = "viridis"


class ExplanationTensor(Tensor):
    """Where a network looks for a class: float32 (n, size, size), from 0 to 1.

    Attributes:
        owner: the network.
        layer: the layer whose maps were weighed.
        labels: the class of each image that is explained, as a name or a number.
        source: the images.
    """

    def __init__(
        self, maps: Any, owner: Predictor, layer: str, labels: Sequence[str], source: ImageTensor
    ) -> None:
        super().__init__(maps, owner.engine)
        self.owner, self.layer, self.labels, self.source = owner, layer, list(labels), source

    @property
    def images(self) -> NDArray[np.float32]:
        """float32 (n, 3, size, size), RGB from 0 to 255: the maps laid over the images."""
        from matplotlib import colormaps

        maps = self.value
        colours = 255 * colormaps[COLOURS](maps)[..., :3]
        cover = COVER * maps[..., np.newaxis]
        mixed = (1 - cover) * self.source.pixels(self.owner.preprocessing) + cover * colours
        return np.ascontiguousarray(mixed.transpose(0, 3, 1, 2), np.float32)

    @quietly
    def _repr_html_(self) -> str:
        """The first images with the maps over them and their classes below, for a notebook."""
        title = f"<div>{escape(repr(self))}</div>"
        return title + thumbnails(self.images, [escape(label) for label in self.labels])

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.owner.name} at {self.layer!r}, shape {self.shape}"


def explain(
    predictor: Predictor, images: InputTensor, label: int | str | None, layer: str | None
) -> ExplanationTensor:
    """The class activation maps of a network for some images; `net.explain` documents it.

    Raises:
        PlanError: it has no classes, or no such layer.
        DataError: the images are sequences, or there is no such class.
        TrainingError: its gradients cannot be had.
    """
    if not isinstance(images, ImageTensor) or predictor.sequences is not None:
        raise DataError(f"{predictor.name}.explain: shows places of images, and reads sequences")
    if not predictor.has_classes:
        raise PlanError(f"{predictor.name}.explain: has no classes, one of which is explained")
    labels = _labels(predictor, images, label)
    found = predictor.sensitivity(images, layer, labels)
    size = predictor.preprocessing.size
    maps = np.stack([_resized(each, size) for each in class_activation(found)])
    names = [predictor.labels[i] if predictor.labels else str(i) for i in labels.tolist()]
    array = predictor.engine.array(maps)
    return ExplanationTensor(array, predictor, found.layer, names, images)


def class_activation(found: Sensitivity) -> NDArray[np.float32]:
    """Grad-CAM, Selvaraju et al. 2017, equations 1 and 2: float32 (n, height, width), not below 0.

    A channel's weight is the mean of its gradients over the positions; the map is what is positive
    in the weighted sum of the channels.
    """
    weights = found.gradients.mean((2, 3), keepdims=True)
    made: NDArray[np.float32] = np.maximum((weights * found.maps).sum(1), 0)
    return made


def _resized(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """A map with its largest number as 1, in the size of the image; all 0 where nothing is above.

    Bilinear, as in the paper.
    """
    from PIL import Image

    largest = float(values.max())
    scaled = values / largest if largest > 0 else values
    image = Image.fromarray(np.ascontiguousarray(scaled, np.float32), mode="F")
    made = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(made, np.float32).clip(0, 1)


def _labels(
    predictor: Predictor, images: ImageTensor, label: int | str | None
) -> NDArray[np.int64]:
    """The class of each image that is explained: the one asked for, or each one's first."""
    if label is None:
        logits = predictor.engine.numpy(predictor.exact_logits(images))
        return np.asarray(logits.argmax(1), np.int64)
    return np.full(len(images), _index(predictor, label), np.int64)


def _index(predictor: Predictor, label: int | str) -> int:
    if isinstance(label, str):
        names = predictor.labels or []
        if label not in names:
            raise DataError(
                f"{predictor.name}.explain(label={label!r}): is no class of it; give one of its"
                f" {predictor.classes} classes, by name or number"
            )
        return names.index(label)
    if isinstance(label, bool) or not 0 <= label < predictor.classes:
        raise DataError(
            f"{predictor.name}.explain(label={label!r}): classes are 0 to {predictor.classes - 1}"
        )
    return label
