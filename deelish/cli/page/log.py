"""A training as the page shows it: the rows and settings in the folder of its log."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from deelish.errors import FileError
from deelish.training.logs.csv_folder import HISTORY, RUN


def checked_log(folder: Path) -> Path:
    """The folder of a log, which may be empty still.

    Raises:
        FileError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileError(
            f"--log {folder}: there is no such folder; give that of BatchTrain(log={str(folder)!r})"
        )
    return folder


def training_in(folder: Path) -> dict[str, Any]:
    """Settings and rows of a training; both are empty before its first epoch.

    Raises:
        FileError: a file of the log was changed so that it is none.
    """
    run, history = folder / RUN, folder / HISTORY
    try:
        settings = json.loads(run.read_text()) if run.is_file() else {}
    except ValueError:
        raise FileError(f"{run}: holds no JSON; remove it, and the page shows the curves") from None
    text = history.read_text() if history.is_file() else ""
    reader = csv.DictReader(io.StringIO(text))
    try:
        rows = [_numbers(row) for row in reader]
    except (ValueError, csv.Error):
        raise FileError(
            f"{history} line {reader.line_num}: has other fields than a number for each of"
            f" {', '.join(reader.fieldnames or ())}; write it as BatchTrain does"
        ) from None
    return {"settings": settings, "rows": rows}


def _numbers(row: dict[str, str]) -> dict[str, float | None]:
    """JSON has no NaN: a number that is not finite is None.

    Raises:
        ValueError: a text is no number, or there are fewer or more fields than names.
    """
    # What DictReader makes of fields without a name, and of names without a field.
    if None in row or None in row.values():
        raise ValueError
    found: dict[str, float | None] = {}
    for key, text in row.items():
        value = float(text) if text.strip() else math.nan
        found[key] = value if math.isfinite(value) else None
    return found
