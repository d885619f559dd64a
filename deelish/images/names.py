"""Many names in one run of bytes: ten million take a few hundred megabytes, and no objects."""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.integer]
Hashes = NDArray[np.uint64]

# A name of a file may be no UTF-8, which Python shows as lone surrogates.
ERRORS = "surrogatepass"
# So many names are worked on at once: their arrays fit a processor's cache.
PIECE = 1 << 17
_SEPARATOR = ord(os.sep)
_ODD = np.uint64(0x9E3779B97F4A7C15)
# What is left of eight bytes where a name has so many of them.
_MASKS = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)


class Names:
    """Texts that follow each other in `data`; between them there may be other bytes.

    data: UTF-8.  starts: int64 (n,), ascending, in bytes.  lengths: int32 (n,), in bytes.
    """

    def __init__(
        self, data: bytes | bytearray | mmap.mmap, starts: Integers, lengths: Integers
    ) -> None:
        self.data, self.starts, self.lengths = data, starts, lengths

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> str:
        return self.head(row, int(self.lengths[row]))

    def head(self, row: int, length: int) -> str:
        """The first so many bytes of a name."""
        start = int(self.starts[row])
        return self.data[start : start + length].decode("utf-8", ERRORS)

    @property
    def ends(self) -> Integers:
        """Where each name ends, in bytes."""
        return self.starts + self.lengths

    def texts(self) -> list[str]:
        """All of them: of a piece."""
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        data = bytes(self.data)
        if data.isascii():
            text = data.decode("ascii")
            return [text[start:end] for start, end in bounds]
        return [data[start:end].decode("utf-8", ERRORS) for start, end in bounds]

    def pieces(self) -> Iterator[Names]:
        """The names as pathlib spells paths, some at a time: no `//`, no `.` among the folders."""
        for first in range(0, len(self), PIECE):
            starts, lengths = (each[first : first + PIECE] for each in (self.starts, self.lengths))
            start, end = int(starts[0]), int(starts[-1] + lengths[-1])
            piece = Names(self.data[start:end], starts - start, lengths)
            if piece._is_plain():
                yield piece
            else:
                builder = NamesBuilder()
                builder.add([str(PurePath(text)) for text in piece.texts()])
                yield builder.names()

    def bases(self) -> Integers:
        """How many bytes of each path come before its last part; of a piece."""
        separators = np.flatnonzero(self._bytes() == _SEPARATOR)
        if not len(separators):
            return np.zeros(len(self), np.int64)
        before = np.searchsorted(separators, self.ends) - 1
        last = np.where(before < 0, -1, separators[before])
        return np.maximum(last + 1 - self.starts, 0)

    def hashes(self, starts: Integers | None = None, lengths: Integers | None = None) -> Hashes:
        """64 bits that tell texts apart; of a piece.

        starts, lengths: the parts of `data` that are hashed; left out, the names.
        """
        starts = self.starts if starts is None else starts
        lengths = self.lengths if lengths is None else lengths
        padded = np.frombuffer(bytes(self.data) + bytes(8), np.uint8)
        # Eight bytes from each byte on.
        words = np.ndarray(len(self.data) + 1, "<u8", padded, strides=(1,))
        found, rows = lengths.astype(np.uint64) * _ODD, np.arange(len(starts))
        for at in range(0, int(lengths.max(initial=0)), 8):
            rows = rows[lengths[rows] > at]
            word = words[starts[rows] + at] & _MASKS[np.minimum(lengths[rows] - at, 8)]
            mixed = (found[rows] ^ word) * _ODD
            found[rows] = mixed ^ (mixed >> np.uint64(32))
        return found

    def _bytes(self) -> Bytes:
        return np.frombuffer(self.data, np.uint8)

    def _is_plain(self) -> bool:
        """Whether pathlib would spell each name as it is; no only where one is spelled oddly."""
        if os.sep != "/" or b"//" in self.data or b"/./" in self.data:
            return False
        data, ends = self._bytes(), self.ends
        if not self.lengths.all():
            return False
        first, last = data[self.starts], data[ends - 1]
        second = data[np.minimum(self.starts + 1, len(data) - 1)]
        dots = ((first == ord(".")) & (second == ord("/"))) | (last == ord("/"))
        before = data[np.maximum(ends - 2, 0)]
        return not (dots | ((last == ord(".")) & (before == ord("/")))).any()


class NamesBuilder:
    """Gathers names as texts, without ever holding them twice."""

    def __init__(self) -> None:
        self._data, self._lengths = bytearray(), array("i")

    def add(self, texts: Sequence[str]) -> None:
        """Add some names."""
        whole = "".join(texts)
        self._data += whole.encode("utf-8", ERRORS)
        if whole.isascii():
            self._lengths.extend(map(len, texts))
        else:
            self._lengths.extend(len(text.encode("utf-8", ERRORS)) for text in texts)

    def names(self) -> Names:
        """What was added."""
        lengths = np.frombuffer(self._lengths, np.int32)
        starts = np.zeros(len(lengths), np.int64)
        np.cumsum(lengths[:-1], out=starts[1:])
        return Names(self._data, starts, lengths)
