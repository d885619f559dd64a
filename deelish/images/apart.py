"""Whether two sets of images share a file, by any path and by any link."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from deelish.errors import DataError
from deelish.images.list_files import rows_to_look_at
from deelish.images.names import Hashes, NamesBuilder
from deelish.images.sample import Location
from deelish.images.samples import Members, Samples, key_of
from deelish.images.shards.members import Member


def check_apart(train: Samples, val: Samples, every: bool = False) -> None:
    """Raises DataError when one file, or one member of a tar, is in both, also by links.

    Links to folders are followed. Of a long list, links to files are where a file of the list is
    looked at; every: of all of them.
    """
    places = _Places()
    sought = np.concatenate(list(places.keys(val, every)))
    order = np.argsort(sought)
    ascending, first = sought[order], np.full(len(sought), len(train))
    start = 0
    for keys in places.keys(train, every):
        at = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
        rows = np.flatnonzero(ascending[at] == keys)
        np.minimum.at(first, at[rows], rows + start)
        start += len(keys)
    # Of equal keys the search finds the first.
    first[order] = first[np.searchsorted(ascending, ascending)]
    _refuse(train, val, first)


def _refuse(train: Samples, val: Samples, first: np.ndarray) -> None:
    """Raises DataError where an image for validation has an index among those for training."""
    shared = np.flatnonzero(first < len(train))
    for row in shared.tolist():
        one, other = train[int(first[row])], val[row]
        # Hashes are the same by a chance of one in 10^12.
        if _real(one.location) == _real(other.location):
            raise DataError(
                f"{other.where}: image {other.path} is also for training ({one.where});"
                f" {len(shared)} of {len(val)} validation images are in both; take them out of one"
            )


class _Places:
    """Folders and tars by a number each, however they are spelled and linked."""

    def __init__(self) -> None:
        self._numbers: dict[Path, int] = {}
        self._known: dict[Path, int] = {}

    def number(self, path: Path) -> int:
        """The number of a folder or tar. Each path is resolved once, as many images share it."""
        if path not in self._known:
            self._known[path] = self._numbers.setdefault(path.resolve(), len(self._numbers))
        return self._known[path]

    def keys(self, samples: Samples, every: bool) -> Iterator[Hashes]:
        """64 bits for each image, some at a time: by its place and its name there."""
        links = self._links(samples, every)
        rows, start = np.array([*links], np.int64), 0
        for keys in samples.locations.keys(self.number):
            here = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(keys))]
            keys[here - start] = np.array([links[row] for row in here.tolist()], np.uint64)
            start += len(keys)
            yield keys

    def _links(self, samples: Samples, every: bool) -> dict[int, int]:
        """The 64 bits of what links lead to, by the rows of these, ascending."""
        if isinstance(samples.locations, Members):
            return {}
        rows = rows_to_look_at(len(samples), every)
        paths: Iterable[tuple[int, str]]
        if rows is None:
            paths = enumerate(chain.from_iterable(samples.locations.texts()))
        else:
            paths = ((row, str(samples.locations[row])) for row in rows.tolist())
        return {row: self._key(Path(path).resolve()) for row, path in paths if _is_link(path)}

    def _key(self, path: Path) -> int:
        builder = NamesBuilder()
        builder.add([path.name])
        keys = key_of(np.array([self.number(path.parent)]), builder.names().hashes())
        return int(keys[0])


def _is_link(path: str) -> bool:
    return os.path.islink(path)  # noqa: PTH114, a third of the time that pathlib takes


def _real(location: Location) -> Path | tuple[Path, str]:
    """Where an image is once all links are followed: its path, or that of a tar and its name."""
    if isinstance(location, Member):
        return Path(location.shard.path).resolve(), location.name
    return location.resolve()
