"""The report as text: a column for each network, a line for each number, notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deelish.common.printing import amount

Row = Mapping[str, Any]
WIDTH = 100


def percentage(value: float) -> str:
    """0.9716 -> 97.16 %."""
    return f"{value:.2%}".replace("%", " %")


# Title, key of the row, how its value is written.
LINES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("binary cross-entropy", "cross_entropy", "{:.4f}".format),
    ("mean squared error", "mse", "{:.3g}".format),
    ("difference from the teacher", "difference", "{:.3g}".format),
    ("accuracy", "accuracy", percentage),
    ("agrees with the teacher", "agreement", percentage),
    ("among the teacher's five", "agreement_at_5", percentage),
    ("KL(teacher || student)", "kl", "{:.4f}".format),
    ("calibration error", "ece", percentage),
    ("parameters", "parameters", "{:,}".format),
    ("multiply-adds", "multiply_adds", "{:,}".format),
    ("file", "file_bytes", amount),
    ("peak memory, one image", "memory_bytes", amount),
    ("ms an image, batch of 1", "ms_1", "{:.3g}".format),
    ("  by onnxruntime", "onnx_ms_1", "{:.3g}".format),
    ("ms an image, batch of 32", "ms_32", "{:.3g}".format),
    ("  by onnxruntime", "onnx_ms_32", "{:.3g}".format),
)


def cells(rows: Mapping[str, Row], fits: str | None = None) -> list[list[str]]:
    """The table as text, a list of cells for each line; the first is the head.

    fits: the name of the device whose line ends the table.
    """
    lines = [["", *rows], ["", *(row["name"] for row in rows.values())]]
    for title, key, write in LINES:
        # Networks without classes have other numbers.
        if not any(key in row for row in rows.values()):
            continue
        lines.append([title, *(_cell(row[key], write) for row in rows.values())])
        if key == "accuracy":
            lines.append(["  interval of 95 %", *(_interval(row) for row in rows.values())])
    if fits is not None:
        words = {True: "yes", False: "no"}
        lines.append([f"fits {fits}", *(words.get(row["fits"], "-") for row in rows.values())])
    return lines


def _cell(value: Any, write: Callable[[Any], str]) -> str:
    return "-" if value is None else write(value)


def _interval(row: Row) -> str:
    if row["accuracy"] is None:
        return "-"
    return f"{row['accuracy_low'] * 100:.2f} to {percentage(row['accuracy_high'])}"


def missing(rows: Mapping[str, Row]) -> list[str]:
    """A sentence for each network that could not be measured."""
    return [f"{key} is missing: {row['missing']}" for key, row in rows.items() if row["missing"]]


def text(rows: Mapping[str, Row], fits: str | None, notes: Sequence[str]) -> str:
    """The whole table with its notes."""
    lines = cells(rows, fits)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    made = []
    for line in lines:
        row = [line[0].ljust(widths[0])]
        row += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        made.append("  ".join(row).rstrip())
    for note in (*missing(rows), *notes):
        made += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    return "\n".join(made)
