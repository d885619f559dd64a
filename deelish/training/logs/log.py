"""A log of a training: what all kinds have in common, and several of them at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deelish.common.printing import say
from deelish.errors import first_line
from deelish.training.history import Row

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"
# What a training and its validation both measure.
MEANS = ("loss", "accuracy", "agreement")


class Log(Protocol):
    """One log of one training."""

    name: str

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Start; `rows` are the epochs that were done before, in a training that goes on."""

    def row(self, row: Row) -> None:
        """Write the row of an epoch."""

    def end(self, state: str) -> None:
        """Finish, as FINISHED, STOPPED or FAILED."""


@dataclass
class Logs:
    """The logs of a training. One that fails is left out, and the training goes on.

    Attributes:
        logs: those that have not failed.
        state: how the training ended, once that is known.
    """

    logs: list[Log]
    state: str = FAILED
    _begun: bool = False

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Start all of them."""
        self._begun = True
        self._each("begin", config, rows)

    def row(self, row: Row) -> None:
        """Write a row to all of them."""
        self._each("row", row)

    def end(self) -> None:
        """Finish all of them, where the training had begun."""
        if self._begun:
            self._each("end", self.state)

    def _each(self, what: str, *arguments: Any) -> None:
        for log in list(self.logs):
            try:
                getattr(log, what)(*arguments)
            except Exception as error:
                self.logs.remove(log)
                say(
                    f"log {log.name!r}: stopped, since it failed ({type(error).__name__}:"
                    f" {first_line(error)}); the training goes on"
                )


def numbers_of(row: Row) -> dict[str, float]:
    """The finite numbers of a row but the epoch: ``loss/train``, ``loss/val``, ``lr``.

    JSON has no NaN, and no curve shows it.
    """
    numbers = {key: float(value) for key, value in row.items() if key != "epoch"}
    return {_name(key): value for key, value in numbers.items() if math.isfinite(value)}


def _name(key: str) -> str:
    """A curve of training beside that of validation."""
    name = key.removeprefix("val_")
    return f"{name}/{'train' if name == key else 'val'}" if name in MEANS else name
