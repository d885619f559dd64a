"""The lines of a list as arrays: a path each, and a label or none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.images.names import Bytes, Integers, Names
from deelish.images.sample import EXTENSIONS, label_fault

NO_LABEL = -1
# So many bytes of a list are worked on at once.
PIECE = 1 << 23
_MARK = b"\xef\xbb\xbf"
_BLANKS, _MOST_DIGITS = 4, 18
_BYTES = np.arange(256)
_IS_DIGIT = np.isin(_BYTES, np.frombuffer(b"0123456789", np.uint8))
# Where str.strip and str.rsplit see a space: beyond ASCII only its first byte is looked at.
_IS_SPACE = np.isin(_BYTES, [number for number in range(128) if chr(number).isspace()])
_MAY_BE_SPACE = _IS_SPACE | np.isin(_BYTES, [0xC2, 0xE1, 0xE2, 0xE3])
_LOWER = np.frombuffer(bytes(range(256)).lower(), np.uint8).astype(np.int64)


class Lines(NamedTuple):
    """The lines of a list that are not blank.

    names: their paths.  labels: (n,), NO_LABEL where there is none.  numbers: (n,), from 1.
    """

    names: Names
    labels: Integers
    numbers: Integers


def read_lines(source: str | Path, data: bytes) -> Lines:
    """The lines of a list with these bytes.

    Raises:
        DataError: it is no UTF-8, has no line, or a label that is no number of 0 or more.
    """
    reading = _Reading(source, data)
    at, number = len(_MARK) if data.startswith(_MARK) else 0, 1
    while at < len(data):
        end = data.find(b"\n", at + PIECE) + 1 or len(data)
        number += reading.piece(at, end, number)
        at = end
    return reading.lines()


def not_utf8(source: str | Path, line: int) -> DataError:
    """The error of a list that is no text in UTF-8, from this line on."""
    if str(source).lower().endswith(EXTENSIONS):
        return DataError(f"{source}: is an image; give a list of images, a folder or a tar")
    return DataError(f"{source} line {line}: the text is not UTF-8; save the list as UTF-8")


class _Parts(NamedTuple):
    """Lines of a piece: where their paths are, their labels and numbers; and which are odd."""

    starts: Integers
    ends: Integers
    labels: Integers
    numbers: Integers
    odd: NDArray[np.bool_]


class _Reading:
    """The lines that were read so far, in arrays for all that there can be.

    Usual lines are read all at once, and odd ones, as with two spaces or a fault, one by one.
    """

    def __init__(self, source: str | Path, data: bytes) -> None:
        self._source, self._data, self._count = source, data, 0
        most = data.count(b"\n") + 1
        # What is never written takes no memory.
        self._starts, self._lengths = np.empty(most, np.int64), np.empty(most, np.int32)
        self._labels: Integers = np.empty(most, np.int32)
        self._numbers = np.empty(most, np.int32)
        self._faults: Counter[str] = Counter()
        self._first = (0, "", "", "")

    def piece(self, start: int, end: int, number: int) -> int:
        """Read the lines of some bytes, of which the first has this number; how many they are."""
        data = self._data[start:end]
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = number + data[: error.start].count(b"\n")
            raise not_utf8(self._source, line) from None
        parts, count = _parts_of(data, number)
        for row in np.flatnonzero(parts.odd).tolist():
            self._read_odd(data, parts, row)
        good = parts.ends > parts.starts
        rows = slice(self._count, self._count + int(good.sum()))
        labels = parts.labels[good]
        if len(labels) and labels.max() > np.iinfo(np.int32).max:
            self._labels = self._labels.astype(np.int64)
        self._starts[rows], self._labels[rows] = parts.starts[good] + start, labels
        self._lengths[rows] = (parts.ends - parts.starts)[good]
        self._numbers[rows] = parts.numbers[good]
        self._count = rows.stop
        return count

    def lines(self) -> Lines:
        """All lines. Raises DataError where there is none, or one with a fault."""
        if self._faults:
            number, path, label, fault = self._first
            count = self._faults[fault]
            more = f" ({count} such lines)" if count > 1 else ""
            raise DataError(
                f"{self._source} line {number}: {fault.format(path=path[:99], label=label[:99])}"
                f"{more}; write `path label` with a label of 0 or more"
            )
        if not self._count:
            raise DataError(
                f"{self._source}: the list is empty; write `path label` on each line, or `path`"
            )
        starts, lengths, labels, numbers = (
            each[: self._count]
            for each in (self._starts, self._lengths, self._labels, self._numbers)
        )
        return Lines(Names(self._data, starts, lengths), labels, numbers)

    def _read_odd(self, data: bytes, parts: _Parts, row: int) -> None:
        """Put what Python makes of a line into its row; nothing, where it is blank or has a fault.

        A line without fault has its path's first byte behind its spaces.
        """
        start = int(parts.starts[row])
        line = data[start : int(parts.ends[row])].decode("utf-8")
        path, label = _split(line.strip())
        fault = _fault(path, label)
        if fault:
            self._first = (
                self._first if self._faults else (int(parts.numbers[row]), path, label, fault)
            )
            self._faults[fault] += 1
        if fault or not path:
            parts.ends[row] = start
            return
        start += len(line.encode()) - len(line.lstrip().encode())
        parts.starts[row], parts.ends[row] = start, start + len(path.encode())
        parts.labels[row] = int(label) if label else NO_LABEL


def _parts_of(data: bytes, number: int) -> tuple[_Parts, int]:
    """The lines of some bytes that are not blank, the first of which has this number; all lines."""
    content = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(content == ord("\n"))
    starts, ends = np.append(0, breaks + 1), np.append(breaks, len(data))
    for _ in range(_BLANKS):  # a line with more spaces at its end is odd
        rows = np.flatnonzero(ends > starts)
        rows = rows[_IS_SPACE[content[ends[rows] - 1]]]
        if not len(rows):
            break
        ends[rows] -= 1
    (rows,) = np.nonzero(ends > starts)
    starts, ends = starts[rows], ends[rows]
    labels, path_ends = _labels(content, starts, ends)
    has_label = path_ends < ends
    odd = _MAY_BE_SPACE[content[starts]] | ~(has_label | _are_images(content, starts, ends))
    for nul in np.flatnonzero(content == 0):
        odd[max(0, np.searchsorted(starts, nul, "right") - 1)] = True
    ends = np.where(odd, ends, path_ends)
    return _Parts(starts, ends, labels, rows + number, odd), len(breaks)


def _labels(content: Bytes, starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
    """The label at the end of each line, and where its path ends; NO_LABEL and the line's end.

    Before a label there is one space or tab, and before that neither a space nor, perhaps, one of
    another alphabet: any other line has none here.
    """
    values, digits = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    rows = np.arange(len(ends))
    for place in range(_MOST_DIGITS):
        rows = rows[ends[rows] - place > starts[rows]]
        found = content[ends[rows] - place - 1]
        rows, found = rows[_IS_DIGIT[found]], found[_IS_DIGIT[found]]
        values[rows] += (found.astype(np.int64) - ord("0")) * 10**place
        digits[rows] += 1
    path_ends = ends - digits - 1
    before = content[np.maximum(path_ends - 1, 0)]
    space = content[np.maximum(path_ends, 0)]
    fits = (digits > 0) & (path_ends > starts) & ((space == ord(" ")) | (space == ord("\t")))
    fits &= ~_IS_SPACE[before] & (before < 128)
    return np.where(fits, values, NO_LABEL), np.where(fits, path_ends, ends)


def _are_images(content: Bytes, starts: Integers, ends: Integers) -> NDArray[np.bool_]:
    """Whether each line ends as the names of images do."""
    longest = max(map(len, EXTENSIONS))
    last = np.zeros(len(ends), np.int64)
    for place in range(longest):
        last |= _LOWER[content[np.maximum(ends - place - 1, 0)]] << 8 * place
    fits = np.zeros(len(ends), np.bool_)
    for extension in EXTENSIONS:
        value = int.from_bytes(extension.encode(), "big")
        fits |= last & ((1 << 8 * len(extension)) - 1) == value
    return fits & (ends - starts >= longest)


def _split(line: str) -> tuple[str, str]:
    """Path and label of a line. It has no label where it is one word, or ends as images do."""
    if line.lower().endswith(EXTENSIONS):
        return line, ""
    path, label, *_ = (*line.rsplit(None, 1), "", "")
    return path, label


def _fault(path: str, label: str) -> str:
    """What is wrong with a line, as a template to fill in with its path and label; or ""."""
    if "\0" in path + label:
        return "there is a NUL character"
    return label_fault(label) if label else ""
