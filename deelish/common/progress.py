"""The progress bar over images, and the lines that a script prints above it."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Any, TextIO

from deelish.common.notebook import NotebookBar, in_notebook
from deelish.common.processes import is_rank_zero


class _AboveBar:
    """A stdout whose lines go above the bar, each when it is whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""

    def write(self, text: str) -> int:
        from deelish.common.terminal_bar import TerminalBar

        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            TerminalBar.write(line, file=self._stream)
        return len(text)

    def finish(self) -> None:
        """Write a last line that did not end."""
        self._stream.write(self._line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Bar:
    """A progress bar over images: loss, accuracy, images a second, time left.

    images: how many there are.  done: how many of them were done before.  unit: what they are.
    """

    def __init__(self, title: str, images: int, done: int = 0, unit: str = "img") -> None:
        self._bar: Any = None
        self._out = contextlib.ExitStack()
        if is_rank_zero():
            make = NotebookBar if in_notebook() else _terminal_bar
            self._bar = make(title, images, done, unit)
        if self._bar is not None and not self._bar.disable and not in_notebook():
            above = _AboveBar(sys.stdout)
            self._out.callback(above.finish)
            self._out.enter_context(contextlib.redirect_stdout(above))

    def step(
        self,
        images: int,
        loss: float,
        accuracy: float | None,
        agreement: float | None,
        waited: float | None = None,
    ) -> None:
        """Move on by one batch; `waited` is the fraction of the time spent waiting for images."""
        if self._bar is None:
            return
        shown = {"loss": f"{loss:.3f}"}
        if accuracy is not None:
            shown["accuracy"] = f"{accuracy:.0%}"
        if agreement is not None:
            shown["agreement"] = f"{agreement:.0%}"
        if waited is not None:
            shown["waited"] = f"{waited:.0%}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(images)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.close()
        if self._bar is not None:
            self._bar.close()


def _terminal_bar(title: str, images: int, done: int, unit: str) -> Any:
    """A bar of tqdm, which hides itself where there is no terminal: in a log it is noise."""
    # Not tqdm.auto: it looks for widgets, and a notebook has a bar of its own here.
    from deelish.common.terminal_bar import TerminalBar

    return TerminalBar(total=images, initial=done, desc=title, unit=unit, leave=False, disable=None)
