"""How often a torture test repeats itself."""

import os


def scaled(number: int) -> int:
    """All of the repetitions where DEELISH_TORTURE is "all", else a tenth, at least one."""
    return number if os.environ.get("DEELISH_TORTURE") == "all" else max(1, number // 10)
