"""Curves that grow in a notebook while a training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deelish.common.notebook import display
from deelish.training.history import History, Row


class NotebookCurves:
    """One output of a cell, which is drawn again after each epoch; other outputs stay."""

    name = "notebook"

    def __init__(self) -> None:
        self._history, self._shown = History(), None

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        self._history = History(rows)
        self._shown = display(self._history)

    def row(self, row: Row) -> None:
        self._history.append(row)
        if self._shown is not None:
            self._shown.update(self._history)

    def end(self, state: str) -> None:
        """The curves stay as they are."""
