"""Chooses a student for a device: makes candidates, measures them, and takes the best that fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from deelish.common.checks import is_number
from deelish.comparison.bench.measuring import BenchFile, measured
from deelish.comparison.choice.candidates import CANDIDATES, REFERENCE, Candidate
from deelish.comparison.choice.limits import (
    FAILED,
    HEAVY,
    HOPELESS,
    WORSE,
    Limits,
    Row,
    best,
    is_settled,
)
from deelish.comparison.device_speed import speed_of
from deelish.comparison.devices import device_of
from deelish.engines.runtimes.table import RUNTIMES
from deelish.errors import DataError, FileError, MissingPackageError
from deelish.network.example_inputs import grey
from deelish.network.labels import Labels
from deelish.network.module_network import ModuleParts
from deelish.network.module_opening import ModuleOptions, parts_of
from deelish.network.stated_pixels import PixelOptions
from deelish.plan.preprocessing import Preprocessing
from deelish.storage.atomic import write_file

RUNTIME = RUNTIMES["onnxruntime"]
# What the published milliseconds are of.
PUBLISHED = Preprocessing(224, "RGB"), 1000
GREY = "L"


def limits_of(fits: str, milliseconds: float | None) -> Limits:
    """What a student shall fit; the network of the published speed is not measured yet.

    Raises:
        DataError: a device that is not known, has no system to run a process, or whose speed has
            not been published; or milliseconds that are none.
    """
    device = device_of(fits)
    if device.is_bare:
        raise DataError(
            f"Student(fits={fits!r}): what is measured is a process, which {fits} cannot run;"
            f" choose a student yourself, and measure it by Bench(student, fits={fits!r})"
        )
    if milliseconds is None:
        return Limits(device)
    if not is_number(milliseconds) or milliseconds <= 0:
        raise DataError(f"Student(milliseconds={milliseconds!r}): give a number above 0")
    return Limits(device, milliseconds, speed_of(device))


def choose(
    limits: Limits,
    pixels: Preprocessing,
    labels: Labels,
    listed: Callable[[Row], None],
) -> tuple[list[Row], Row, Limits]:
    """Measure candidates, the most accurate first, until none can be better than what fits.

    Args:
        limits: what they shall fit.
        pixels: what they take.
        labels: their classes.
        listed: gets each row when it is known.

    Returns:
        For each candidate its name, accuracy, parameters, multiply_adds and verdict, and
        file_bytes, memory_bytes, cpu_ms, device_ms and busy, None where it was not measured; the
        row that is taken; and the limits with what was measured of the reference.

    Raises:
        DataError: none fits.
        MissingPackageError: timm, or what writes and runs .onnx, is not installed.
        FileError: a candidate cannot be written as .onnx.
    """
    if not RUNTIME.is_installed:
        raise MissingPackageError(
            f"Student(fits={limits.device.name!r}): measures in {RUNTIME.title}, which is not"
            f" installed; {RUNTIME.install}"
        )
    with TemporaryDirectory(prefix="deelish-") as folder:
        bench = _Bench(Path(folder), limits)
        rows: list[Row] = []
        for candidate in CANDIDATES:
            rows.append(_judged(candidate, pixels, labels, rows, bench))
            listed(rows[-1])
    taken = best(rows)
    if taken is None:
        raise _nothing_fits(rows, limits, pixels)
    return rows, taken, bench.limits


class _Bench:
    """Measures candidates, and the network of the published speed before and after each.

    Other programs slow both alike, so that how they are to each other can be trusted more.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self.limits = folder, limits
        self._reference: BenchFile | None = None
        if limits.milliseconds is not None:
            row, parts = _row(Candidate(REFERENCE, 0), *PUBLISHED)
            self._reference = self._written(row, parts, "reference")
            self.limits = replace(limits, reference={**row, **self._measured(self._reference)})

    def measured(self, row: Row, parts: ModuleParts) -> Row:
        """The row with what was measured, and its milliseconds on the device."""
        row = {**row, **self._measured(self._written(row, parts, "candidate"))}
        before = self.limits.reference
        if self._reference is None or before is None or row["missing"]:
            return row
        after = self._measured(self._reference)
        self.limits = replace(self.limits, reference={**before, **after})
        beside = (before["cpu_ms"] + after["cpu_ms"]) / 2
        return {**row, "device_ms": self.limits.guessed(row["cpu_ms"] / beside)}

    def _written(self, row: Row, parts: ModuleParts, name: str) -> BenchFile:
        path = self._folder / f"{name}{RUNTIME.extension}"
        write_file(path, parts.model.onnx(grey(parts.preprocessing)))
        return BenchFile(row["name"], path, RUNTIME)

    def _measured(self, file: BenchFile) -> Row:
        found = measured(file, threads=1)
        if file is self._reference and found["missing"]:
            raise FileError(f"{file.model}: cannot be measured: {found['missing']}")
        return found


def _judged(
    candidate: Candidate,
    pixels: Preprocessing,
    labels: Labels,
    before: Sequence[Row],
    bench: _Bench,
) -> Row:
    """A row with its verdict; it is measured unless that could change nothing."""
    row, parts = _row(candidate, pixels, labels)
    allowed, count = bench.limits.allowed_multiply_adds, row["multiply_adds"]
    if allowed is not None and count is not None and count > HOPELESS * allowed:
        return {**row, "verdict": HEAVY}
    if is_settled(before, candidate.accuracy):
        return {**row, "verdict": WORSE}
    row = bench.measured(row, parts)
    return {**row, "verdict": FAILED if row["missing"] else bench.limits.verdict(row)}


def _row(candidate: Candidate, pixels: Preprocessing, labels: Labels) -> tuple[Row, ModuleParts]:
    parts = made(candidate.name, pixels, labels)
    about = {"name": candidate.name, "accuracy": candidate.accuracy, "verdict": "", "missing": None}
    sizes = {
        "parameters": parts.model.counted(),
        "multiply_adds": parts.model.multiply_adds(grey(pixels, 1)),
    }
    unknown = ("file_bytes", "memory_bytes", "cpu_ms", "device_ms", "busy")
    return {**about, **sizes, **dict.fromkeys(unknown)}, parts


def made(
    name: str, pixels: Preprocessing, labels: Labels, options: ModuleOptions | None = None
) -> ModuleParts:
    """A candidate that takes these pixels."""
    arguments = {"in_chans": 1} if pixels.order == GREY else None
    size = PixelOptions(size=pixels.size)
    taking = replace(
        options or ModuleOptions(), arguments=arguments, preprocessing=pixels, pixels=size
    )
    return parts_of(name, labels, taking)


def _nothing_fits(rows: Sequence[Row], limits: Limits, pixels: Preprocessing) -> DataError:
    tried = [row for row in rows if row["cpu_ms"] is not None]
    if not tried:
        smallest = min(rows, key=lambda row: int(row["multiply_adds"] or 0))
        found = f"the smallest is {smallest['name']}"
    else:
        row = min(tried, key=limits.excess)
        needs = limits.needs(row)
        found = f"the nearest is {row['name']} with {needs}"
    cure = "" if limits.milliseconds is None else "raise milliseconds=, or "
    return DataError(
        f"Student(fits={limits.device.name!r}): no candidate fits {limits}; {found}; {cure}take a"
        f" teacher of smaller images than {pixels.size} pixels, or a larger device"
    )
