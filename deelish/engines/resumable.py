"""What deelish asks of an engine so that a training goes on from a checkpoint to the bit."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from deelish.engines.state import SavedState
from deelish.errors import EngineError


class Resumable(ABC):
    """The state of modules, optimisers and random draws, got and set; an engine that trains has it.

    Raises:
        EngineError: from each method, where the engine only predicts.
    """

    name: str

    def arrays(self, module: Any) -> dict[str, np.ndarray]:
        """A copy of all parameters and buffers of a module by name, C-contiguous."""
        self._only_predicts()

    def parameter_names(self, module: Any) -> set[str]:
        """Which of `arrays` are parameters, which an update may change."""
        self._only_predicts()

    def set_arrays(self, module: Any, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the values of these parameters and buffers, in place."""
        self._only_predicts()

    def optimizer_state(self, optimizer: Any) -> SavedState:
        """What an optimiser remembers of the updates before: moments, counters."""
        self._only_predicts()

    def set_optimizer_state(self, optimizer: Any, state: SavedState) -> None:
        """Let an optimiser remember what another one of the same kind did."""
        self._only_predicts()

    def random_state(self) -> dict[str, Any]:
        """The framework's global random states, and its loss scale, as plain values."""
        self._only_predicts()

    def set_random_state(self, values: Mapping[str, Any]) -> None:
        """Set what `random_state` gave."""
        self._only_predicts()

    def rounding(self) -> dict[str, str | int]:
        """What the rounding of the numbers depends on, by name: versions, threads, processor."""
        self._only_predicts()

    def _only_predicts(self) -> NoReturn:
        raise EngineError(f"the engine {self.name!r} only predicts; take Deel(engine='torch')")
