"""Large arrays processed in pieces by several threads, as NumPy releases Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

PIECE_BYTES = 1 << 24


def in_pieces(function: Callable[..., Any], groups: Iterable[tuple[np.ndarray, ...]]) -> list[Any]:
    """The results of the function for each piece of each group; arrays of a group share a shape.

    Pieces are cut along the first axis and have about 16 MB.
    """
    pieces = [piece for group in groups for piece in _cut(group)]
    if sum(piece[0].nbytes for piece in pieces) <= PIECE_BYTES:
        return [function(*piece) for piece in pieces]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return list(threads.map(lambda piece: function(*piece), pieces))


def _cut(group: tuple[np.ndarray, ...]) -> Iterator[tuple[np.ndarray, ...]]:
    first = group[0]
    if first.nbytes <= PIECE_BYTES or not first.ndim:
        yield group
        return
    rows = max(1, len(first) * PIECE_BYTES // first.nbytes)
    for start in range(0, len(first), rows):
        yield tuple(array[start : start + rows] for array in group)
