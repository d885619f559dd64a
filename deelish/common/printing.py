"""What deelish prints: lines above the progress bar, each once where that is asked for."""

from __future__ import annotations

import sys

from deelish.common.processes import leads


def say(line: str) -> None:
    """Print a line, above the progress bar if there is one; of several processes the first does."""
    if not leads():
        return
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
    else:
        print(line)


def amount(value: int) -> str:
    """Bytes in the largest unit of 1000 that leaves one or more."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:,.1f} {unit}"
    return f"{value} bytes"


class Once:
    """Prints each line once, however often it is asked to.

    A line with a `key` counts as printed under that key, so that its text may differ.
    """

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def say(self, line: str, key: str | None = None) -> None:
        """Print the line, unless it or another one of its key was printed before."""
        key = key or line
        if key not in self._printed:
            self._printed.add(key)
            say(line)

    def __contains__(self, key: str) -> bool:
        """Whether a line was printed under this key."""
        return key in self._printed
