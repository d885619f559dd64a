"""Measures files of runtimes one after the other, and makes the table of them."""

from __future__ import annotations

from collections.abc import Sequence

from deelish.common.checks import is_count
from deelish.common.suggestions import nearest
from deelish.comparison.bench.fitting import fits
from deelish.comparison.bench.measuring import BenchFile, Row, measured
from deelish.comparison.bench.notes import notes_of
from deelish.comparison.bench.result import Benchmark
from deelish.comparison.devices import Device
from deelish.engines.runtimes.table import RUNTIMES, Runtime
from deelish.errors import DataError, FileError, MissingPackageError

ALL = "all"


def bench(
    files: Sequence[BenchFile],
    threads: int,
    device: Device | None,
    *,
    unmade: Sequence[Row] = (),
    absent: Sequence[Runtime] = (),
) -> Benchmark:
    """Measure files.

    Args:
        files: what to measure; those of one runtime come beside each other.
        threads: how many compute.
        device: whether it fits this one, or None.
        unmade: rows of files that could not be made, with the reason as `missing`.
        absent: runtimes that are not installed, for the notes.

    Raises:
        FileError: none could be measured.
    """
    names = list(RUNTIMES)
    ordered = sorted(files, key=lambda file: names.index(file.runtime.name))
    rows = [*(measured(file, threads) for file in ordered), *unmade]
    if all(row["missing"] for row in rows):
        reason = (
            rows[0]["missing"] if rows else f"{absent[0].title} is missing; {absent[0].install}"
        )
        raise FileError(f"Bench: nothing could be measured: {reason}")
    for row in rows:
        row["fits"] = None if device is None else fits(row, device)
    return Benchmark(rows, device, notes_of(rows, threads, device, absent))


def chosen_runtimes(asked: str | Sequence[str]) -> tuple[list[Runtime], list[Runtime]]:
    """The runtimes that are asked for: those installed, and of "all" those that are not.

    Args:
        asked: "all", names with commas between, or names.

    Raises:
        DataError: there is no such runtime.
        MissingPackageError: one that is named is not installed.
    """
    names = asked.split(",") if isinstance(asked, str) else list(asked)
    names = [name.strip() if isinstance(name, str) else name for name in names]
    if names == [ALL]:
        found = list(RUNTIMES.values())
        return [r for r in found if r.is_installed], [r for r in found if not r.is_installed]
    if not names:
        raise DataError(
            f"runtimes={asked!r}: names none; give 'all', or one of {', '.join(RUNTIMES)}"
        )
    for name in names:
        if name not in RUNTIMES:
            raise DataError(
                f"runtimes={asked!r}: there is no runtime {name!r};"
                f" {nearest(str(name), [*RUNTIMES, ALL])}"
            )
        runtime = RUNTIMES[name]
        if not runtime.is_installed:
            raise MissingPackageError(
                f"runtimes={name!r}: needs the package {runtime.package}; {runtime.install}"
            )
    return [RUNTIMES[name] for name in dict.fromkeys(names)], []


def check_threads(threads: object) -> None:
    """Refuse what is no number of threads.

    Raises:
        DataError: it is none.
    """
    if not is_count(threads):
        raise DataError(f"Bench(threads={threads!r}): give a whole number above 0")
