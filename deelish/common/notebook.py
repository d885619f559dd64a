"""Whether a script runs in a notebook, and what is shown there."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from html import escape
from typing import Any

# IPython's shell of Jupyter, VS Code and others that show rich outputs.
NOTEBOOK_SHELL = "ZMQInteractiveShell"


def in_notebook() -> bool:
    """Whether outputs are shown by a notebook, and not by a terminal."""
    # A mere import of ipykernel proves nothing, and IPython need not be imported to ask.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == NOTEBOOK_SHELL


def display(value: Any) -> Any:
    """Show a value in a notebook; what is returned has `update(value)`."""
    from IPython import display as shown

    show: Any = shown.display
    return show(value, display_id=True)


def _cell() -> int:
    """The number of the cell that runs."""
    return int(sys.modules["IPython"].get_ipython().execution_count)


# Seconds between two drawings of a bar: more often a page flickers.
PAUSE = 0.2


class NotebookBar:
    """A progress bar in one output of a cell, which it leaves empty. It needs no widgets.

    All bars of a cell share that output, since each empty one would leave a gap.

    title: what runs.  total: how many there are.  done: how many were done before.  unit: of them.
    """

    disable = False
    # The cell that shows the last bar, and the output there.
    _output: tuple[int, Any] = (-1, None)

    def __init__(self, title: str, total: int, done: int, unit: str) -> None:
        self._title, self._total, self._done, self._unit = title, total, done, unit
        self._start = self._drawn = time.perf_counter()
        self._first, self._shown = done, ""
        cell, handle = NotebookBar._output
        if cell == _cell():
            handle.update(_Html(self._html()))
        else:
            handle = display(_Html(self._html()))
            NotebookBar._output = _cell(), handle
        self._handle = handle

    def set_postfix(self, shown: Mapping[str, str], refresh: bool = False) -> None:
        """What is written beside it."""
        self._shown = ", ".join(f"{key} {value}" for key, value in shown.items())

    def update(self, count: int) -> None:
        """Move on by so many."""
        self._done += count
        now = time.perf_counter()
        if now - self._drawn >= PAUSE:
            self._drawn = now
            self._handle.update(_Html(self._html()))

    def close(self) -> None:
        """Leave the output empty."""
        self._handle.update(_Html(""))

    def _html(self) -> str:
        seconds = max(time.perf_counter() - self._start, 1e-9)
        speed = (self._done - self._first) / seconds
        left = f", {(self._total - self._done) / speed:.0f} s left" if speed else ""
        text = f"{self._title}: {speed:,.0f} {self._unit}/s{left} {self._shown}"
        return (
            f'<progress value="{self._done}" max="{self._total}" style="width: 20em"></progress>'
            f" {escape(text)}"
        )


class _Html:
    """HTML as a notebook shows it; no text where there is none to show."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return ""
