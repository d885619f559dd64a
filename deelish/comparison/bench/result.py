"""What was measured of files of runtimes: a table at the prompt, rows, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from deelish.common.html import details, quietly, table
from deelish.comparison.bench.measuring import Row
from deelish.comparison.bench.table import cells, text
from deelish.comparison.devices import Device


@dataclass(frozen=True, repr=False)
class Benchmark:
    """The numbers of files of runtimes, which print as a table.

    ``min(row["cpu_ms"] for row in benchmark.rows if row["runtime"] == "litert")`` is one of them.

    Attributes:
        rows: for each file, the runtimes one after the other: model, runtime, threads; ms and
            ms_95, the median and the 95th percentile of an image by the clock, cpu_ms, the median
            of processors' time; file_bytes; memory_bytes, the peak of the process, runtime_bytes
            without the model, numpy_bytes without the runtime; calls; others, how many processors
            other programs took, waited, the fraction of the time without a processor, and busy,
            whether these disturbed it; fits; `missing`, the reason where there are no numbers.
        device: the device of `fits=`, or None.
        notes: how it was measured, what is missing, and what is not installed.
    """

    rows: Sequence[Row]
    device: Device | None
    notes: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            "rows": [dict(row) for row in self.rows],
            "device": None if self.device is None else self.device.to_dict(),
            "notes": list(self.notes),
        }

    @quietly
    def _repr_html_(self) -> str:
        """The table, and how it was measured, for a notebook."""
        head, *lines = cells(self.rows, self.device is not None)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return table(head, lines) + details("how it was measured", notes)

    def __repr__(self) -> str:
        return text(self.rows, self.device is not None, self.notes)
