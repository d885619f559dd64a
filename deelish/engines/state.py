"""What a training is made of at one moment: arrays and plain values by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class SavedState:
    """Arrays and plain values for JSON by name; parts may be put into parts.

    Attributes:
        arrays: by name; those of a part have its name and a slash before their own.
        values: by name; those of a part are under its name.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, part: SavedState) -> None:
        """Put a part under a name."""
        self.arrays |= {f"{name}/{key}": array for key, array in part.arrays.items()}
        self.values[name] = part.values

    def part(self, name: str) -> SavedState:
        """The part under a name; an empty one where there is none."""
        start = f"{name}/"
        arrays = {
            key[len(start) :]: array for key, array in self.arrays.items() if key.startswith(start)
        }
        return SavedState(arrays, dict(self.values.get(name, {})))

    def put_all(self, name: str, parts: Mapping[str, SavedState]) -> None:
        """Put several parts under a name, each under its own."""
        whole = SavedState()
        for key, part in parts.items():
            whole.put(key, part)
        self.put(name, whole)

    def parts(self, name: str) -> dict[str, SavedState]:
        """The parts that `put_all` put under a name."""
        whole = self.part(name)
        return {key: whole.part(key) for key in whole.values}
