"""The candidates as text: a line each while they are measured, and how one was chosen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from deelish.common.printing import amount
from deelish.comparison.bench.table import BUSY
from deelish.comparison.choice.candidates import ACCURACY_PIXELS, CURATED, REFERENCE
from deelish.comparison.choice.limits import EQUAL, FAILED, FITS, HEAVY, HOPELESS, Limits, Row
from deelish.comparison.devices import RULE
from deelish.comparison.table import WIDTH

HEAD = f"{'':32}{'ImageNet':>8}{'parameters':>11}{'peak memory':>12}{'CPU ms':>8}"


def head(limits: Limits) -> str:
    """The first line of the table."""
    there = f"{'ms there':>9}" if limits.milliseconds is not None else ""
    return f"{HEAD}{there}"


def line(row: Row, limits: Limits) -> str:
    """The line of a candidate."""
    known = row["cpu_ms"] is not None
    memory = amount(row["memory_bytes"]) if known else "-"
    mark = BUSY if row["busy"] else ""
    here = f"{row['cpu_ms']:.1f}{mark}" if known else "-"
    text = f"{row['name']:32}{row['accuracy']:>6.1f} %{row['parameters']:>11,}{memory:>12}{here:>8}"
    if limits.milliseconds is not None:
        text += f"{row['device_ms']:>9.1f}" if known else f"{'-':>9}"
    return f"{text}  {row['verdict']}"


def notes(rows: Sequence[Row], taken: Row, limits: Limits) -> Iterator[str]:
    """Why one is taken, and what was measured and assumed."""
    wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    for note in _notes(rows, taken, limits):
        yield from wrapper.wrap(note)


def _notes(rows: Sequence[Row], taken: Row, limits: Limits) -> Iterator[str]:
    better = (r["accuracy"] > taken["accuracy"] for r in rows if r["verdict"] == FITS)
    reason = f"the most accurate that fits {limits}"
    if any(better):
        reason = f"the fastest within {EQUAL:g} points of {reason}"
    yield f"takes {taken['name']}: {reason}"
    yield (
        f"ImageNet: top-1 of the published weights at {ACCURACY_PIXELS} pixels; how accurate a"
        " student becomes is not known before it is trained, but the order of architectures is"
        " much the same on other data (Kornblith, Shlens and Le, CVPR 2019)"
    )
    yield (
        f"{CURATED}; measured in float32 by onnxruntime, one thread, one image, a process of its"
        f" own: peak memory, and CPU ms of this processor; fits: {RULE}"
    )
    if limits.speed is not None and limits.reference is not None:
        yield (
            f"ms there are a guess, as nothing ran on {limits.device.name}:"
            f" {REFERENCE.partition('/')[2]} at 224 pixels takes"
            f" {limits.speed.milliseconds:g} ms {limits.speed.about}, and"
            f" {limits.reference['cpu_ms']:.1f} CPU ms here; a candidate is assumed to be to it"
            " there as it is here, measured just before and after"
        )
    if any(row["verdict"] == HEAVY for row in rows):
        yield (
            f"{HEAVY}: not measured, with more than {HOPELESS} times the multiply-adds that"
            f" {REFERENCE.partition('/')[2]} computes there in {limits.milliseconds:g} ms"
        )
    for row in rows:
        if row["missing"]:
            yield f"{row['name']} {FAILED}: {row['missing']}"
    if any(row["busy"] for row in rows):
        yield (
            f"{BUSY} the machine was busy; CPU ms count no waiting, but caches were shared: near a"
            " limit, choose again when nothing else runs"
        )
