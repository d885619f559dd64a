"""The folder of the caches."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_VARIABLE = "DEELISH_CACHE"


def cache_folder() -> Path:
    """The folder of the teacher cache: $DEELISH_CACHE, else `answers` in the user's cache.

    The decoded-image cache is in the folder `images` below it.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("deelish")) / "answers"
