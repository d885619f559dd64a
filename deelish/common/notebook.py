"""Whether a script runs in a notebook, and what is shown there."""

from __future__ import annotations

import sys
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
