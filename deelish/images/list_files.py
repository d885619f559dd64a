"""Where the files of a list are: each is looked for, or in a long list some of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from deelish.common.printing import say
from deelish.errors import DataError, MissingDataError
from deelish.images.list_lines import Lines
from deelish.images.names import Integers
from deelish.images.ordinary_file import is_there
from deelish.images.samples import Files

# Of more files than this, so many are looked at: half of them spread evenly, half drawn.
MOST_LOOKED_AT = 100_000
LOOKED_AT = 10_000
_ABSENT = 255


def rows_to_look_at(count: int, every: bool) -> Integers | None:
    """The rows of a list of `count` files that are looked at; None for all of them.

    They are the same in every process and run. every: whether all are looked at in any case.
    """
    if every or count <= MOST_LOOKED_AT:
        return None
    evenly = np.linspace(0, count - 1, LOOKED_AT // 2).round().astype(np.int64)
    drawn = np.random.default_rng(0).integers(0, count, LOOKED_AT // 2)
    return np.unique(np.concatenate([evenly, drawn]))


def files_of(source: str | Path, lines: Lines, folders: Sequence[Path], every: bool) -> Files:
    """The files of a list. Each is looked for in the folders, the first of which counts.

    Of a long list, those that are looked at must be in one folder, where the others are taken to
    be: they are looked for when they are read. Else all are looked at.

    Args:
        source: the list.
        lines: its lines.
        folders: fewer than 255 of them.
        every: whether all files are looked at, however many they are.

    Raises:
        DataError: a file that is looked at is no ordinary one.
        MissingDataError: it is in none of the folders.
    """
    count = len(lines.names)
    rows = rows_to_look_at(count, every)
    looking = _Looking(source, lines, folders)
    which = looking.at(rows)
    if rows is None:
        return Files(folders, lines.names, which)
    # An absolute path is found in any folder.
    relative = [not PurePath(lines.names[row]).is_absolute() for row in rows]
    used = np.unique(which[relative]).tolist()
    if len(used) > 1:
        places = " and in ".join(looking.places[index] for index in used)
        say(f"{source}: its files are in {places}, so that each of {count:,} is looked for")
        return Files(folders, lines.names, looking.at(None))
    say(
        f"{source}: {len(rows):,} of its {count:,} files were looked at, the others are when they"
        ' are read; InputBatch(check="all") looks at all of them'
    )
    return Files([folders[used[0] if used else 0]], lines.names)


class _Looking:
    """Looks for files of a list.

    places: the folders, in words.
    """

    def __init__(self, source: str | Path, lines: Lines, folders: Sequence[Path]) -> None:
        self._source, self._lines = source, lines
        self._folders = [str(each) if each.parts else "" for each in folders]
        self.places = [each or "the working folder" for each in self._folders]

    def at(self, rows: Integers | None) -> NDArray[np.uint8]:
        """The index of the folder of each file, (n,); rows: of these, None for all of them."""
        from deelish.common.terminal_bar import TerminalBar

        count = len(self._lines.names) if rows is None else len(rows)
        which = np.full(count, _ABSENT, np.uint8)
        is_long = count > MOST_LOOKED_AT
        bar = TerminalBar(
            self._texts(rows),
            total=count,
            unit="file",
            leave=False,
            disable=None if is_long else True,
        )
        for index, (row, text) in enumerate(bar):
            try:
                which[index] = self._folder_of(text)
            except DataError as error:
                number = self._lines.numbers[row]
                raise DataError(f"{self._source} line {number}: {error}") from error
        missing = np.flatnonzero(which == _ABSENT)
        if len(missing):
            first = int(missing[0]) if rows is None else int(rows[missing[0]])
            raise self._missing(first, len(missing), None if rows is None else count)
        return which

    def _texts(self, rows: Integers | None) -> Iterator[tuple[int, str]]:
        """The row of each file, and its path as pathlib spells it."""
        names = self._lines.names
        if rows is None:
            return enumerate(text for piece in names.pieces() for text in piece.texts())
        return ((row, str(PurePath(names[row]))) for row in rows.tolist())

    def _folder_of(self, text: str) -> int:
        """The index of the first folder that has a file."""
        for index, folder in enumerate(self._folders):
            # Joined as texts, which takes a third of the time that pathlib takes.
            if is_there(os.path.join(folder, text)):  # noqa: PTH118
                return index
        return _ABSENT

    def _missing(self, row: int, missing: int, looked_at: int | None) -> MissingDataError:
        names, number = self._lines.names, self._lines.numbers[row]
        of = f"{missing} of {len(names)} images"
        if looked_at is not None:
            of = f"{missing:,} of {looked_at:,} that were looked at"
        return MissingDataError(
            f"{self._source} line {number}: image {names[row]!r} is not there ({of} are"
            f" missing); it was looked for in {', '.join(self.places)}; correct the paths or"
            " pass root="
        )
