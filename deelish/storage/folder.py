"""Where the cache lies."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "DEELISH_CACHE"


def cache_folder() -> Path:
    """Where answers are kept: $DEELISH_CACHE, else the folder `answers` of the user's cache.

    Images are kept in the folder `images` below it.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("deelish")) / "answers"
