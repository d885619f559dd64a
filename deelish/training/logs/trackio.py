"""A run of trackio, Hugging Face's local tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deelish.training.history import Row
from deelish.training.logs.log import numbers_of


class Trackio:
    """Numbers by epoch in a project of trackio: ``trackio show``."""

    name = "trackio"

    def __init__(self, project: str) -> None:
        self._project = project

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        import trackio

        trackio.init(project=self._project, config=dict(config))
        for row in rows:
            self.row(row)

    def row(self, row: Row) -> None:
        import trackio

        trackio.log(numbers_of(row), step=row["epoch"])

    def end(self, state: str) -> None:
        import trackio

        trackio.finish()
