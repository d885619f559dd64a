"""How large the tests of the reliability bar are."""

import os


def scaled(number: int) -> int:
    """All of the cases of a row where $DEELISH_TORTURE is "all", else a tenth of them."""
    return number if os.environ.get("DEELISH_TORTURE") == "all" else max(1, number // 10)
