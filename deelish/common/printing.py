"""What deelish prints: lines above the progress bar, some of them only once."""

from __future__ import annotations

import sys

from deelish.common.processes import is_rank_zero


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one; in a group, only on rank 0."""
    if not is_rank_zero():
        return
    if "tqdm" in sys.modules:
        from deelish.common.terminal_bar import TerminalBar

        TerminalBar.write(line, file=sys.stdout)
    else:
        print(line)


def amount(value: int) -> str:
    """Bytes in the largest unit of 1000 that leaves one or more."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value} bytes"


class Once:
    """Prints each line once.

    Lines with the same `key` count as the same line, even where their texts differ.
    """

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def say(self, line: str, key: str | None = None) -> None:
        """Print the line, unless it or another one with its key was printed before."""
        key = key or line
        if key not in self._printed:
            self._printed.add(key)
            say(line)

    def __contains__(self, key: str) -> bool:
        """Whether a line was printed under this key."""
        return key in self._printed
