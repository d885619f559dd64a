"""The measured files as text: a line each, by runtime, notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from deelish.common.printing import amount
from deelish.comparison.bench.measuring import Row
from deelish.comparison.table import WIDTH
from deelish.engines.runtimes.table import RUNTIMES

HEAD = ("runtime", "model", "file", "ms", "95 %", "CPU ms", "peak memory", "without model")
BUSY = "*"


def cells(rows: Sequence[Row], fits: bool) -> list[list[str]]:
    """The table as text, a list of cells for each line; the first is the head.

    fits: whether a column for a device ends it.
    """
    head = [*HEAD, *(["fits"] if fits else [])]
    return [head, *(_line(row, fits) for row in rows if row["missing"] is None)]


def _line(row: Row, fits: bool) -> list[str]:
    words = {True: "yes", False: "no", None: "-"}
    mark = BUSY if row["busy"] else ""
    sizes = [amount(row[name]) for name in ("file_bytes", "memory_bytes", "runtime_bytes")]
    times = [f"{row[name]:.3g}" for name in ("ms", "ms_95", "cpu_ms")]
    return [
        RUNTIMES[row["runtime"]].title,
        row["model"],
        sizes[0],
        *(f"{time}{mark}" for time in times[:2]),
        times[2],
        *sizes[1:],
        *([words[row["fits"]]] if fits else []),
    ]


def text(rows: Sequence[Row], fits: bool, notes: Sequence[str]) -> str:
    """The whole table with its notes."""
    lines = cells(rows, fits)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    made = []
    for line in lines:
        names = [cell.ljust(width) for cell, width in zip(line[:2], widths, strict=False)]
        numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        made.append("  ".join([*names, *numbers]).rstrip())
    for note in notes:
        made += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    return "\n".join(made)
