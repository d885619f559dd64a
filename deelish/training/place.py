"""Where a training is: how many batches of which part of which epoch are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deelish.training.history import Averages


@dataclass
class Place:
    """The place after some batches of an epoch.

    Attributes:
        epoch: its number, from 1.
        validating: whether it is in the validation of the epoch.
        batches: how many batches of the epoch's training, or of its validation, are done.
        trained, validated: the averages so far.
        seconds: how long the training part took so far.
    """

    epoch: int = 1
    validating: bool = False
    batches: int = 0
    trained: Averages = field(default_factory=Averages)
    validated: Averages = field(default_factory=Averages)
    seconds: float = 0.0

    def validate(self) -> None:
        """Go over to the validation, unless it has begun."""
        if not self.validating:
            self.validating, self.batches = True, 0

    def values(self) -> dict[str, Any]:
        """The place as plain values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Place:
        """The place of such values."""
        averages = {name: Averages(**values[name]) for name in ("trained", "validated")}
        return cls(**{**values, **averages})
