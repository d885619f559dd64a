"""What an inner layer makes, as the feature map that hints compare."""

from __future__ import annotations

import math
from typing import Any

from deelish.engines.base import Engine
from deelish.errors import TrainingError
from deelish.network.predictor import Predictor

# How many tokens a transformer may have before those of the patches: none, the class (ViT), class
# and teacher (DeiT), class and four registers (DINOv2).
PREFIX_TOKENS = (0, 1, 2, 5)


def map_of(engine: Engine, blob: Any, owner: Predictor, layer: str) -> Any:
    """A blob as (n, c, h, w), also one of (n, c), or of tokens (n, tokens, c).

    Raises:
        TrainingError: it has other axes.
    """
    if len(blob.shape) == 2:
        return blob.reshape((*blob.shape, 1, 1))
    if len(blob.shape) == 3:
        return _grid(engine, blob)
    if len(blob.shape) == 4:
        return blob
    raise TrainingError(
        f"backprop: hint: {layer!r} of {owner.name} makes {tuple(blob.shape)}, where (n, channels,"
        " height, width), (n, tokens, channels) or (n, channels) is needed; name another layer"
    )


def _grid(engine: Engine, tokens: Any) -> Any:
    """Tokens (n, t, c) as a map (n, c, side, side) without those that are before the patches.

    Where the patches are no square, it is (n, c, t, 1).
    """
    count, channels = tokens.shape[1:]
    for before in PREFIX_TOKENS:
        side = math.isqrt(max(0, count - before))
        if side and side * side == count - before:
            patches = engine.swap_last_axes(tokens[:, before:])
            return patches.reshape((-1, channels, side, side))
    return engine.swap_last_axes(tokens).reshape((-1, channels, count, 1))
