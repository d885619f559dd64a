"""How long the tests of docs/reliability.md run."""

import os


def scaled(number: int) -> int:
    """All of a number where DEELISH_TORTURE is "all", else a tenth, and 1 at least."""
    return number if os.environ.get("DEELISH_TORTURE") == "all" else max(1, number // 10)
