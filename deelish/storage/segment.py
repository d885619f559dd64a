"""A segment: records sorted by a hash of their keys, which is their index; mapped, never changed.

After its front come the hashes (u64), the rows (a byte of the key, and the payload), and the crc32
of each block of rows. A process that opens it reads nothing but the front, and all processes share
the pages that they look at.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from deelish.errors import FileError
from deelish.storage.atomic import replacing
from deelish.storage.front import SIZE
from deelish.storage.index import ODD, Keys, hashes_of
from deelish.storage.records import Bytes

Hashes = NDArray[np.uint64]
Positions = NDArray[np.int64]

# Rows of one checksum: with more of them, a key that is found costs more bytes that are read.
BLOCK = 8
HASH_BYTES, SUM_BYTES, CHECK_BYTES = 8, 4, 1
# About how many records are sorted at a time.
AT_ONCE = 1 << 20
# And how many blocks are copied at a time: they fit the processor's cache.
BLOCKS_AT_ONCE = 1 << 12


class HasSegment(Protocol):
    """The header of a segment: what the file says of itself."""

    @property
    def payload_bytes(self) -> int:
        """How many bytes of a row are its payload."""

    @property
    def count(self) -> int:
        """How many records there are."""

    @property
    def sum(self) -> int:
        """The crc32 of all hashes."""


H = TypeVar("H", bound=HasSegment)


@dataclass(frozen=True)
class Sorted:
    """Records in the order of their hashes: uint64 (n,); `rows` makes those of a slice."""

    hashes: Hashes
    rows: Callable[[slice], Bytes]


def in_order(keys: Keys, payloads: Bytes) -> Sorted:
    """The records of keys uint8 (n, 16), in any order; of equal keys the first counts."""
    hashes = hashes_of(keys)
    order = np.argsort(hashes, kind="stable")

    def rows(part: slice) -> Bytes:
        chosen = order[part]
        return np.concatenate([_checks(keys[chosen])[:, None], payloads[chosen]], axis=1)

    return Sorted(hashes[order], rows)


def write_segment(
    path: Path, sources: Sequence[Sorted], payload_bytes: int, front: Callable[[int, int], bytes]
) -> None:
    """Write the records of all sources into one file, whole or not at all.

    Where a hash comes twice the record of the first source counts, and memory holds only some of
    them at a time.

    Args:
        path: the file.
        sources: the records.
        payload_bytes: of each of them.
        front: the first 4096 bytes, from the number of records and the crc32 of the hashes.

    Raises:
        FileError: the file cannot be written.
    """
    count = sum(len(hashes) for hashes, _ in _merged(sources, with_rows=False))
    width = CHECK_BYTES + payload_bytes
    needed = _size(count, width)
    with replacing(path, needed) as temporary, temporary.open("w+b") as file:
        check, start = 0, 0
        for hashes, rows in _merged(sources, with_rows=True):
            file.seek(SIZE + start * HASH_BYTES)
            file.write(hashes.tobytes())
            file.seek(SIZE + count * HASH_BYTES + start * width)
            file.write(rows.tobytes())
            check = zlib.crc32(hashes.tobytes(), check)
            start += len(hashes)
        _write_sums(file, SIZE + count * HASH_BYTES, count, width)
        file.seek(0)
        file.write(front(count, check))


class Segment(Generic[H]):
    """A segment, mapped.

    Args:
        path: the file.
        read: the header from its front; FileError where the file cannot be used.

    Attributes:
        header: what it says of itself.
        damaged: whether a block of rows that was looked up had a wrong checksum.

    Raises:
        OSError: the file is missing or cannot be read.
        FileError: it is damaged, cut short, or of another format.
    """

    def __init__(self, path: Path, read: Callable[[bytes, Path], H]) -> None:
        self.path, self.damaged = path, False
        with path.open("rb") as file:
            self.header = read(file.read(SIZE), path)
            self._width = CHECK_BYTES + self.header.payload_bytes
            self._status = os.fstat(file.fileno())
            needed, size = _size(self.count, self._width), self._status.st_size
            if size != needed:
                raise FileError(f"{path}: has {size:,} bytes, where its {needed:,} are needed")
            mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        end = SIZE + self.count * HASH_BYTES
        self.hashes: Hashes = np.frombuffer(mapped, "<u8", self.count, SIZE)
        rows = np.frombuffer(mapped, np.uint8, self.count * self._width, end)
        self._bytes = memoryview(mapped)[end : end + rows.size]
        self._rows: Bytes = rows.reshape(self.count, self._width)
        self._sums = np.frombuffer(mapped, "<u4", _blocks(self.count), end + rows.size)
        # 0: not looked at yet; 1: sound; 2: damaged.
        self._states = np.zeros(_blocks(self.count), np.uint8)

    @property
    def count(self) -> int:
        """How many records there are."""
        return self.header.count

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file of this status is the one mapped."""
        return os.path.samestat(self._status, status)

    def find(self, keys: Keys) -> tuple[Positions, Bytes]:
        """The indices of the keys uint8 (n, 16) that are there and intact, and their payloads."""
        hashes = hashes_of(keys)
        # In their order, since neighbours are on the same pages: ten times as fast for a million.
        order = np.argsort(hashes)
        hashes = hashes[order]
        found = np.searchsorted(self.hashes, hashes)
        there = found < self.count
        there[there] = self.hashes[found[there]] == hashes[there]
        positions, found = order[there], found[there]
        rows = self._rows[found]
        right = rows[:, 0] == _checks(keys)[positions]
        right &= self._sound(found // BLOCK)
        positions, rows = positions[right], rows[right, CHECK_BYTES:]
        order = np.argsort(positions)
        return positions[order], rows[order]

    def records(self) -> Sorted:
        """Its sound records, to be merged; none where their order is damaged."""
        kept = np.delete(np.arange(self.count), self._damaged_rows())
        hashes: Hashes = self.hashes
        if len(kept) == self.count:
            return Sorted(hashes, lambda part: self._rows[part])
        return Sorted(hashes[kept], lambda part: self._rows[kept[part]])

    def count_damaged(self) -> int:
        """How many records are in blocks with a wrong checksum; all, where the hashes have one."""
        return len(self._damaged_rows())

    def _damaged_rows(self) -> Positions:
        if zlib.crc32(self.hashes.data) != self.header.sum:
            return np.arange(self.count)
        bad = np.flatnonzero(self._look(np.arange(len(self._sums))) == 2)
        return _rows_of(bad, self.count)

    def _sound(self, blocks: Positions) -> NDArray[np.bool_]:
        states = self._look(blocks)
        self.damaged |= bool((states == 2).any())
        sound: NDArray[np.bool_] = states == 1
        return sound

    def _look(self, blocks: Positions) -> NDArray[np.uint8]:
        """The states of blocks, which ascend; each is looked at once."""
        new = blocks[self._states[blocks] == 0]
        # np.unique would take longer than all the checksums.
        new = new[_firsts(new)]
        self._states[new] = np.where(self._sums_of(new) == self._sums[new], 1, 2)
        return self._states[blocks]

    def _sums_of(self, blocks: Positions) -> NDArray[np.uint32]:
        """The crc32 of each of the blocks, which ascend."""
        size = BLOCK * self._width
        # As void values many blocks become bytes in one call, in half the time of slices.
        full = np.frombuffer(self._bytes, f"V{size}", self.count // BLOCK)
        found: list[int] = []
        of_full = blocks[: np.searchsorted(blocks, len(full))]
        for start in range(0, len(of_full), BLOCKS_AT_ONCE):
            part = of_full[start : start + BLOCKS_AT_ONCE]
            found += map(zlib.crc32, full[part].tolist())
        if len(found) < len(blocks):
            found.append(zlib.crc32(self._bytes[len(full) * size :]))
        return np.array(found, np.uint32)


def _firsts(ascending: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Whether each value (n,) is the first of those that equal it."""
    return np.append(True, ascending[1:] != ascending[:-1])[: len(ascending)]


def _checks(keys: Keys) -> NDArray[np.uint8]:
    """A byte of each key (n,) that does not follow from its hash."""
    halves = np.ascontiguousarray(keys).view(np.uint64)
    # The upper bits of a product depend on all bits below them, and on none above.
    mixed = ((halves[:, 0] >> np.uint64(32)) ^ halves[:, 0]) * ODD + halves[:, 1]
    return (mixed >> np.uint64(56)).astype(np.uint8)


def _merged(sources: Sequence[Sorted], *, with_rows: bool) -> Iterator[tuple[Hashes, Bytes]]:
    """Hashes and rows of all sources in order, some at a time."""
    total = sum(len(source.hashes) for source in sources)
    parts = -(-total // AT_ONCE)
    # Hashes are spread evenly.
    bounds = [np.uint64(number * 2**64 // parts) for number in range(1, parts)]
    places = [np.searchsorted(source.hashes, bounds) for source in sources]
    edges = [[0, *place.tolist(), len(s.hashes)] for place, s in zip(places, sources, strict=True)]
    for number in range(parts):
        slices = [slice(edge[number], edge[number + 1]) for edge in edges]
        hashes = np.concatenate([s.hashes[p] for s, p in zip(sources, slices, strict=True)])
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        first = _firsts(hashes)
        rows = np.empty((0, 0), np.uint8)
        if with_rows:
            rows = np.concatenate([s.rows(p) for s, p in zip(sources, slices, strict=True)])
            rows = rows[order[first]]
        yield hashes[first], rows


def _write_sums(file: BinaryIO, start: int, count: int, width: int) -> None:
    """Write the checksums of the rows from `start` on behind them."""
    sums = np.empty(_blocks(count), "<u4")
    file.seek(start)
    for number in range(len(sums)):
        sums[number] = zlib.crc32(file.read(min(BLOCK, count - number * BLOCK) * width))
    file.seek(start + count * width)
    file.write(sums.tobytes())


def _rows_of(blocks: Positions, count: int) -> Positions:
    """The rows of blocks."""
    rows = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    return rows[rows < count]


def _blocks(count: int) -> int:
    return -(-count // BLOCK)


def _size(count: int, width: int) -> int:
    return SIZE + count * (HASH_BYTES + width) + _blocks(count) * SUM_BYTES
