"""A terminal that closes: what is printed after that goes nowhere, where else it would fail."""

from __future__ import annotations

import os

_OUTPUTS = (1, 2)


def open_terminals() -> list[int]:
    """The handles of standard output and standard error that are terminals."""
    return [handle for handle in _OUTPUTS if os.isatty(handle)]


def leave_closed(terminals: list[int]) -> None:
    """Let those of them that have closed lead nowhere."""
    for handle in terminals:
        if not os.isatty(handle):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, handle)
            os.close(nowhere)
