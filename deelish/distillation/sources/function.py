"""Any function as a teacher: a NumPy batch in, logits out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np

from deelish.engines.inference import InferenceModel, logits_of
from deelish.errors import TrainingError


class FunctionModel(InferenceModel):
    """A function from float32 (n, channels, size, size) to logits (n, classes).

    Its code cannot be seen: by `key` the user states that equal keys mean equal logits.
    """

    kind = "function"

    def __init__(self, function: Callable[[np.ndarray], Any], key: str | None) -> None:
        self._function = function
        self._key = key
        self.name = str(getattr(function, "__name__", type(function).__name__))

    def run(self, values: np.ndarray) -> np.ndarray:
        # A copy, since the function may write into its argument.
        output = self._function(values.copy())
        if hasattr(output, "shape") and not isinstance(output, np.ndarray):
            raise TrainingError(
                f"{self.name}: returned {type(output).__name__} {tuple(output.shape)}, where a"
                " NumPy array (n, classes) is needed; end it with np.asarray(...)"
            )
        return np.asarray(logits_of(self.name, output, lambda value: isinstance(value, np.ndarray)))

    def digest(self) -> str | None:
        return None if self._key is None else sha256(self._key.encode()).hexdigest()
