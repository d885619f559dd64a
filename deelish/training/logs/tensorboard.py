"""The event files that TensorBoard shows; they need its package, and not PyTorch's writer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deelish.training.history import Row
from deelish.training.logs.log import numbers_of


class TensorBoard:
    """Scalars by epoch, and the training's settings as text: ``tensorboard --logdir runs``."""

    name = "tensorboard"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def begin(self, config: Mapping[str, Any], rows: Sequence[Row]) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventFileWriter(str(self._folder))
        settings = f"```\n{json.dumps(dict(config), indent=2)}\n```"
        self._add(text_pb("settings", settings), 0)
        for row in rows:
            self.row(row)

    def row(self, row: Row) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name, simple_value=value) for name, value in numbers_of(row).items()
        ]
        self._add(Summary(value=values), row["epoch"])
        self._writer.flush()

    def end(self, state: str) -> None:
        self._writer.close()

    def _add(self, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
