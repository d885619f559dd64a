"""A layer's features as one vector an image: their means over positions, or over tokens."""

from __future__ import annotations

from typing import Any

from deelish.engines import Engine
from deelish.errors import TrainingError


def mean_over_positions(engine: Engine, blob: Any, images: int, what: str) -> Any:
    """(n, c, h, w) or (n, tokens, c) -> (n, c); (n, c) stays as it is. Gradients follow.

    Args:
        engine: that of the blob.
        blob: the features of a layer.
        images: how many images they are of.
        what: the layer, as errors call it: "'conv1' of GoogLeNet".

    Raises:
        TrainingError: the blob has other axes.
    """
    shape = tuple(blob.shape)
    if len(shape) not in (2, 3, 4) or shape[0] != images:
        raise TrainingError(
            f"{what} makes {shape} of {images} images, where ({images}, channels),"
            f" ({images}, tokens, channels) or ({images}, channels, height, width) is needed; name"
            " another layer"
        )
    if len(shape) == 2:
        return blob
    if len(shape) == 3:
        return engine.sum(blob, 1).reshape((shape[0], shape[2])) / shape[1]
    count = shape[2] * shape[3]
    return engine.sum(blob.reshape((*shape[:2], count)), 2).reshape(shape[:2]) / count
