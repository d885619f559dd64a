"""How long each blob is needed, when rows run in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deelish.plan.layer import Layer


def last_uses(rows: Sequence[Layer], wanted: Iterable[str]) -> list[list[str]]:
    """For each row, those of its blobs that no later row reads, and that are not wanted."""
    live, found = set(wanted), []
    for row in reversed(rows):
        used = dict.fromkeys((*row.bottoms, *row.tops, *row.echoes))
        found.append([name for name in used if name not in live])
        live.difference_update(name for name in row.tops if name not in row.bottoms)
        live.update(row.bottoms)
    return found[::-1]
