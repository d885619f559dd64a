"""What an engine gives for learning in int8: a form of a student that rounds as its file will."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

# How many scales the weights of a layer have: one for each output channel, or one for all.
CHANNEL, TENSOR = "channel", "tensor"
WEIGHTS = (CHANNEL, TENSOR)


class Int8Learning(ABC):
    """The form in which the engine runs a student's module until `end`.

    Its parameters are the student's own, and learn. BatchNorm takes its running statistics.
    """

    @abstractmethod
    def measure(self) -> None:
        """Measure the ranges of all activations, with the weights as they are now."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The ranges, as plain values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Set what `state` gave."""

    @abstractmethod
    def end(self) -> None:
        """The engine runs the module itself again."""
