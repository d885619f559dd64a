"""What a script keeps from batch to batch in `deel.state`: plain values and NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.engines.state import SavedState
from deelish.errors import TrainingError

# The kinds of arrays that a file holds: truth values, whole numbers, floating-point numbers.
KINDS = "biuf"


def script_state(kept: Mapping[str, Any]) -> SavedState:
    """A copy of it.

    Raises:
        TrainingError: a key is no text, or a value is neither plain nor an array of numbers.
    """
    state = SavedState()
    for key, value in kept.items():
        if isinstance(key, str) and isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
            state.arrays[key] = np.array(value, order="C")
        elif isinstance(key, str) and _is_plain(value):
            state.values[key] = value
        else:
            raise TrainingError(
                f"deel.state[{key!r}] is a {type(value).__name__}, which no checkpoint can hold;"
                " keep numbers, texts, lists and dicts of them with texts as keys, or NumPy arrays"
            )
    return SavedState(state.arrays, json.loads(json.dumps(state.values)))


def read_script_state(state: SavedState, kept: dict[str, Any]) -> None:
    """Put what `script_state` copied back into the script's own dict."""
    kept.update(state.values)
    kept.update({key: array.copy() for key, array in state.arrays.items()})


def _is_plain(value: Any) -> bool:
    """Whether JSON gives the value back as it was."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(each) for k, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
