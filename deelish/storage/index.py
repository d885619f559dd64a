"""Finds the record of a key: sorted arrays for what is old, a dictionary for what is new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint8]
Rows = NDArray[np.int64]

KEY_BYTES = 16
# New keys go into the sorted arrays when they are more than this, and than a quarter of those.
RECENT = 4096
ODD = np.uint64(0x9E3779B97F4A7C15)


class Index:
    """From keys of 16 bytes to row numbers; the row added last counts where a key comes twice.

    A key is found by a hash of 64 bits, so compare the whole key with that of the row found. An
    entry takes 16 bytes, where a dictionary would take ten times that.

    Attributes:
        count: how many rows were added.
    """

    def __init__(self) -> None:
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._rows: Rows = np.empty(0, np.int64)
        self._recent: dict[int, int] = {}
        self.count = 0

    def add(self, keys: Keys) -> None:
        """Add the keys uint8 (n, 16) of the rows from `count` on."""
        hashes = hashes_of(keys)
        end = self.count + len(hashes)
        if len(hashes) > RECENT:
            self._merge(hashes, np.arange(self.count, end))
        else:
            self._recent.update(zip(hashes.tolist(), range(self.count, end), strict=True))
            if len(self._recent) > max(RECENT, len(self._rows) // 4):
                self._merge(hashes[:0], np.empty(0, np.int64))
        # Last, so that rows whose adding was interrupted are added again.
        self.count = end

    def find(self, keys: Keys) -> Rows:
        """The row of each key, int64 (n,); -1 where there is none."""
        hashes = hashes_of(keys)
        rows = np.full(len(keys), -1, np.int64)
        if len(self._hashes):
            found = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            same = self._hashes[found] == hashes
            rows[same] = self._rows[found[same]]
        if self._recent:
            get = self._recent.get
            recent = np.array([get(number, -1) for number in hashes.tolist()], np.int64)
            rows = np.where(recent >= 0, recent, rows)
        return rows

    def _merge(self, hashes: NDArray[np.uint64], rows: Rows) -> None:
        """Sort all into one array, the last row of each key."""
        recent = np.fromiter(self._recent, np.uint64, len(self._recent))
        recent_rows = np.fromiter(self._recent.values(), np.int64, len(self._recent))
        hashes = np.concatenate([self._hashes, recent, hashes])
        rows = np.concatenate([self._rows, recent_rows, rows])
        order = np.argsort(hashes, kind="stable")
        hashes, rows = hashes[order], rows[order]
        last = np.append(hashes[1:] != hashes[:-1], True)
        self._hashes, self._rows, self._recent = hashes[last], rows[last], {}


def hashes_of(keys: Keys) -> NDArray[np.uint64]:
    """A hash of 64 bits of each key uint8 (n, 16)."""
    halves = np.ascontiguousarray(keys).view(np.uint64)
    # Odd numbers have an inverse modulo 2**64, so keys that differ in one half stay apart.
    return halves[:, 0] ^ (halves[:, 1] * ODD)
