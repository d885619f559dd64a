"""How much a logit changes with what a layer makes: the numbers behind a class activation map."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deelish.errors import PlanError


class Sensitivity(NamedTuple):
    """A layer's maps for some images, and the gradient of one logit of each with respect to them.

    Both are float32 (n, channels, height, width), in evaluation mode; `layer` is its name.
    """

    layer: str
    maps: NDArray[np.float32]
    gradients: NDArray[np.float32]


def checked_maps(name: str, layer: str | None, maps: Any, gradients: Any) -> str:
    """The layer, once it is known to make maps that the logits depend on.

    Args:
        name: the model, for errors.
        layer: its name, or None where none was found.
        maps: what it made, any framework's tensor or something else; None where it did not run.
        gradients: those of the logits with respect to it; None where they do not depend on it.

    Raises:
        PlanError: there is no such layer, it makes something else, or the logits go around it.
    """
    if layer is None:
        raise PlanError(
            f"{name}: no layer makes maps of several positions, so that it looks at no place of an"
            " image; name a layer with layer="
        )
    shape = tuple(getattr(maps, "shape", ()))
    if len(shape) != 4 or shape[2] * shape[3] == 1:
        raise PlanError(
            f"{name}: layer {layer!r} makes {shape or 'no tensor'}, where maps (n, channels,"
            " height, width) of several positions are needed; name another layer"
        )
    if gradients is None:
        raise PlanError(
            f"{name}: its logits do not depend on layer {layer!r} by a gradient; name another layer"
        )
    return layer
