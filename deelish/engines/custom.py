"""Layer functions that users have registered, by engine and layer type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deelish.errors import EngineError

# An engine's own function of a layer: (bottoms, weights, arguments, call) -> top or tops.
Function = Callable[..., Any]

CUSTOM: dict[str, dict[str, Function]] = {"torch": {}, "chainer": {}, "numpy": {}}


def custom(engine: str, type: str) -> Function:
    """The function that a user registered.

    Raises:
        EngineError: there is none for this engine.
    """
    if type not in CUSTOM[engine]:
        raise EngineError(
            f"layer type {type!r} has no function for {engine}; give register_layer one"
        )
    return CUSTOM[engine][type]
