"""What a file of a network states by deelish's notes in it: preprocessing and labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from deelish.common.json_text import parsed_json
from deelish.errors import DataError, FileError, first_line
from deelish.plan.preprocessing import Preprocessing


@dataclass(frozen=True)
class Stated:
    """The fields of `Preprocessing` by name, and labels; empty and None in files of others."""

    pixels: Mapping[str, Any] = field(default_factory=dict)
    labels: list[str] | None = None


def stated_in(path: Path, notes: Mapping[str, str]) -> Stated:
    """What the notes in a file state.

    Raises:
        FileError: they are damaged.
    """
    if "deelish" not in notes:
        return Stated()
    try:
        found = Preprocessing.from_dict(parsed_json(notes["preprocessing"]))
        names = parsed_json(notes.get("labels", "null"))
        labels = None if names is None else [str(name) for name in names]
    except (DataError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{path}: deelish's metadata in it is damaged ({first_line(error)}); export it again"
        ) from None
    return Stated({each.name: getattr(found, each.name) for each in fields(found)}, labels)


def sum_of(path: Path) -> str:
    """sha256 of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error})") from None
