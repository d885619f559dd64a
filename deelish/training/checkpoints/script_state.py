"""What a script keeps from batch to batch in `deel.state`: plain values and NumPy arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.engines.state import SavedState
from deelish.errors import TrainingError

# The kinds of arrays that a file holds: truth values, whole numbers, floating-point numbers; and
# the most bytes that one of their numbers has.
KINDS, MOST_BYTES = "biuf", 8
# How deep lists and dicts may be within each other; one may hold itself.
DEPTH = 100


def script_state(kept: Mapping[str, Any]) -> SavedState:
    """A copy of it.

    Raises:
        TrainingError: a key is no text, or a value is neither plain nor an array of numbers.
    """
    state = SavedState()
    for key, value in kept.items():
        if not isinstance(key, str):
            raise TrainingError(
                f"deel.state[{key!r}]: no checkpoint can hold this key; give it a text as its key"
            )
        if isinstance(value, np.ndarray) and _is_numbers(value):
            state.arrays[key] = np.array(value, order="C")
        elif _is_plain(value, DEPTH):
            state.values[key] = value
        else:
            kind = type(value).__name__
            if isinstance(value, np.ndarray):
                kind = f"NumPy array of {value.dtype}"
            raise TrainingError(
                f"deel.state[{key!r}] is a {kind}, which no checkpoint can hold as it is; keep"
                " numbers, texts, lists and dicts of them with texts as keys, and each NumPy array"
                " of numbers under a key of its own"
            )
    return SavedState(state.arrays, json.loads(json.dumps(state.values)))


def read_script_state(state: SavedState, kept: dict[str, Any]) -> None:
    """Put what `script_state` copied back into the script's own dict."""
    kept.update(state.values)
    kept.update({key: array.copy() for key, array in state.arrays.items()})


def _is_numbers(array: np.ndarray) -> bool:
    return array.dtype.kind in KINDS and array.dtype.itemsize <= MOST_BYTES


def _is_plain(value: Any, depth: int) -> bool:
    """Whether JSON gives the value back as it was."""
    if isinstance(value, dict | list) and not depth:
        return False
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(each, depth - 1) for k, each in value.items())
    if isinstance(value, list):
        return all(_is_plain(each, depth - 1) for each in value)
    return value is None or type(value) in (bool, int, float, str)
