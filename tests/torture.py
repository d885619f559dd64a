"""How many cases a torture test runs: all with DEELISH_TORTURE=all, else a tenth of them."""

import os


def scaled(number: int) -> int:
    """The number, or a tenth of it and at least one."""
    return number if os.environ.get("DEELISH_TORTURE") == "all" else max(1, number // 10)
