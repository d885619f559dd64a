"""Curves that grow in a notebook while a training runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from deelish.common.notebook import display
from deelish.training.history import History, Row

# Of the time of a training, at most this part is for drawing.
MOST_DRAWING = 0.05


class NotebookCurves:
    """One output of a cell, which is drawn again as epochs end; other outputs stay.

    Where epochs are so short that drawing each would slow the training, some are drawn together.
    """

    name = "notebook"

    def __init__(self) -> None:
        self._history, self._shown = History(), None
        self._next = 0.0

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        self._history = History(rows)
        self._shown = display(self._history)

    def row(self, row: Row) -> None:
        self._history.append(row)
        if time.monotonic() >= self._next:
            self._draw()

    def end(self, state: str) -> None:
        """Draw the last rows; the curves stay."""
        self._draw()

    def _draw(self) -> None:
        start = time.monotonic()
        if self._shown is not None:
            self._shown.update(self._history)
        end = time.monotonic()
        self._next = end + (end - start) / MOST_DRAWING
