"""How a script and its lists spell what they name: texts, and paths from their own folder."""

from __future__ import annotations

import json
import os
from pathlib import Path


def quoted(text: str) -> str:
    """A text as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def path_from(folder: Path, path: Path) -> str:
    """A path as it is from a folder, with slashes; the whole path where there is no way."""
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        return str(path.resolve())
