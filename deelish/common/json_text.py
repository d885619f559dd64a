"""JSON that a file holds: parsed within bounds, whatever the file says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from typing import Any

# Far above any network's: a hundred thousand labels fit. Parsed, a text that is within both takes
# less than 64 MB.
MOST_CHARACTERS = 4 << 20
MOST_VALUES = 300_000
# Values in one another; Python 3.14 parses thousands, and fails where they are printed.
MOST_DEPTH = 100


def parsed_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is no JSON, too large, or nested too deeply.
    """
    brackets = ("[", "{", ",") if isinstance(text, str) else (b"[", b"{", b",")
    count = sum(map(text.count, brackets))  # type: ignore[arg-type]
    if len(text) > MOST_CHARACTERS or count > MOST_VALUES:
        raise ValueError(
            f"{len(text):,} characters with {count:,} values, where {MOST_CHARACTERS:,} and"
            f" {MOST_VALUES:,} are the most"
        )
    with contextlib.suppress(RecursionError):
        value = json.loads(text)
        if not _is_deep(value):
            return value
    raise ValueError("it is nested too deeply")


def _is_deep(value: Any) -> bool:
    """Whether lists and objects are within one another more than MOST_DEPTH times."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [each for each in level if isinstance(each, list | dict)]
        if not level:
            return False
        level = [inner for each in level for inner in _within(each)]
    return True


def _within(value: list[Any] | dict[str, Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
