"""How often a test of docs/reliability.md is repeated: a tenth in `make test`."""

import os

IS_WHOLE = os.environ.get("DEELISH_TORTURE") == "all"


def scaled(number: int) -> int:
    """The whole number in `make torture`, a tenth elsewhere."""
    return number if IS_WHOLE else max(1, number // 10)
