"""How often a test of docs/reliability.md is repeated: a 25th in `make test`."""

import os

IS_WHOLE = os.environ.get("DEELISH_TORTURE") == "all"


def scaled(number: int) -> int:
    """The whole number in `make torture`, a 25th elsewhere."""
    return number if IS_WHOLE else max(1, number // 25)
