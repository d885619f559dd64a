"""JSON that a file holds: parsed within bounds, whatever the file says."""

from __future__ import annotations

import json
from typing import Any

# Far above any network's: a hundred thousand labels fit. Parsed, a text that is within both takes
# less than 64 MB.
MOST_CHARACTERS = 4 << 20
MOST_VALUES = 300_000


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
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
