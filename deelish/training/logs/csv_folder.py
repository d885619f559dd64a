"""A folder with the history as CSV, and what the training was as JSON."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deelish.storage.atomic import write_file
from deelish.training.history import Row

HISTORY, RUN = "history.csv", "run.json"


class CsvFolder:
    """``history.csv``, a row an epoch, and ``run.json``. Each is whole at any time."""

    def __init__(self, folder: Path) -> None:
        self.name, self._folder = str(folder), folder
        self._rows: list[Row] = []
        self._run: dict[str, Any] = {}

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows = list(rows)
        self._run = {"state": "running", "started": _now(), "ended": None, **config}
        self._write()

    def row(self, row: Row) -> None:
        self._rows.append(row)
        self._write()

    def end(self, state: str) -> None:
        self._run |= {"state": state, "ended": _now()}
        self._write()

    def _write(self) -> None:
        keys = list(dict.fromkeys(key for row in self._rows for key in row))
        text = io.StringIO()
        table = csv.DictWriter(text, keys, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_file(self._folder / HISTORY, text.getvalue().encode())
        write_file(self._folder / RUN, json.dumps(self._run, indent=2).encode())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
