"""The images of a list, a folder or shards in arrays; a Sample is made when it is looked at."""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, overload

import numpy as np
from numpy.typing import NDArray

from deelish.errors import DataError
from deelish.images.list_lines import NO_LABEL
from deelish.images.names import PIECE, Hashes, Integers, Names, NamesBuilder
from deelish.images.sample import Location, Sample
from deelish.images.shards.members import Member, Shard

# Number of a folder or tar.
Number = Callable[[Path], int]
# Spreads such a number over the 64 bits that the hash of a name has.
_SPREAD = np.uint64(0xD6E8FEB86659FD93)


class Locations(Protocol):
    """Where images are, by their rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Location: ...

    def texts(self) -> Iterator[list[str]]:
        """The paths, some at a time."""

    def keys(self, number: Number) -> Iterator[Hashes]:
        """64 bits for each image, some at a time, which are equal for one place alone."""


class Files:
    """Where the images of a list or a folder are.

    folders: where their names begin.  names: paths below one of them, or absolute ones.
    which: the index of each file's folder; None where there is one folder.
    """

    def __init__(
        self, folders: Sequence[Path], names: Names, which: NDArray[np.uint8] | None = None
    ) -> None:
        self._folders, self._names, self._which = tuple(folders), names, which

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> Path:
        return self._folders[0 if self._which is None else self._which[row]] / self._names[row]

    def texts(self) -> Iterator[list[str]]:
        """The paths, some at a time."""
        prefixes = [_prefix(each) for each in self._folders]
        for names, which in self._pieces():
            pairs = zip(which.tolist(), names.texts(), strict=True)
            if os.name == "nt":  # there a path may begin with a drive, and be below no folder
                yield [str(self._folders[k] / text) for k, text in pairs]
            else:
                yield [text if text.startswith("/") else prefixes[k] + text for k, text in pairs]

    def keys(self, number: Number) -> Iterator[Hashes]:
        """64 bits for each file, some at a time: by the number of its folder and its last part."""
        for names, which in self._pieces():
            bases = names.bases()
            parents = names.hashes(names.starts, bases) + which
            _, first, inverse = np.unique(parents, return_index=True, return_inverse=True)
            found = [
                number(self._folders[which[row]] / names.head(row, bases[row])) for row in first
            ]
            last = names.hashes(names.starts + bases, names.lengths - bases)
            yield key_of(np.array(found)[inverse], last)

    def _pieces(self) -> Iterator[tuple[Names, NDArray[np.uint8]]]:
        """Some names at a time, and the index of the folder of each."""
        for number, names in enumerate(self._names.pieces()):
            first = number * PIECE
            if self._which is None:
                yield names, np.zeros(len(names), np.uint8)
            else:
                yield names, self._which[first : first + PIECE]


class Members:
    """Where the images of shards are.

    shards: the tars.  which: the index of each member's shard.  names: those of the members.
    starts, sizes: the bytes of each in its shard.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        which: Integers,
        names: Names,
        starts: Integers,
        sizes: Integers,
    ) -> None:
        self.shards, self.which, self.names = tuple(shards), which, names
        self.starts, self.sizes = starts, sizes

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, row: int) -> Member:
        shard, name = self.shards[self.which[row]], self.names[row]
        return Member(shard, name, int(self.starts[row]), int(self.sizes[row]))

    def texts(self) -> Iterator[list[str]]:
        """The paths, some at a time."""
        prefixes = [_prefix(Path(shard.path)) for shard in self.shards]
        for names, which in self._pieces():
            yield [prefixes[k] + t for k, t in zip(which.tolist(), names.texts(), strict=True)]

    def keys(self, number: Number) -> Iterator[Hashes]:
        """64 bits for each member, some at a time: by the number of its tar and its name."""
        numbers = np.array([number(Path(shard.path)) for shard in self.shards])
        for names, which in self._pieces():
            yield key_of(numbers[which], names.hashes())

    def _pieces(self) -> Iterator[tuple[Names, Integers]]:
        for number, names in enumerate(self.names.pieces()):
            yield names, self.which[number * PIECE :][:PIECE]


def _prefix(place: Path) -> str:
    """What the paths below a place begin with."""
    return str(place / "-")[:-1]


def key_of(numbers: Integers, hashes: Hashes) -> Hashes:
    """64 bits for each image by the number of its folder or tar, and the hash of its name there."""
    return (hashes ^ numbers.astype(np.uint64)) * _SPREAD


class Samples(Sequence[Sample]):
    """The images of one list, folder or range of shards.

    Ten million take some hundred megabytes, which forked processes share. Loops over all of them
    rebuild each Sample: what is asked of all has an array.

    Attributes:
        source: the list, folder or shards as the user wrote them.
        locations: where each image is.
        labels: (n,), integers; None where no image has one.
    """

    def __init__(
        self,
        source: str,
        locations: Locations,
        labels: Integers | None,
        lines: Integers | None = None,
    ) -> None:
        self.source, self.locations, self.labels, self._lines = source, locations, labels, lines

    def __len__(self) -> int:
        return len(self.locations)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        label = None if self.labels is None else int(self.labels[row])
        line = 0 if self._lines is None else int(self._lines[row])
        return Sample(self.locations[row], label, self.source, line)

    def __repr__(self) -> str:
        return f"{len(self):,} images of {self.source}"

    def relabelled(self, labels: Integers) -> Samples:
        """The same images with other labels (n,)."""
        return Samples(self.source, self.locations, labels, self._lines)


def labelled(
    source: str, locations: Locations, labels: Integers, lines: Integers | None = None
) -> Samples:
    """The images of a source, of which all have a label or none.

    labels: (n,), NO_LABEL where an image has none.

    Raises:
        DataError: the first image that has a label where the first of all has none, or not.
    """
    has_label = labels != NO_LABEL
    if not has_label.any():
        return Samples(source, locations, None, lines)
    samples = Samples(source, locations, labels, lines)
    if not has_label.all():
        odd, first = samples[int(np.argmin(has_label == has_label[0]))], samples[0]
        got, other = ("no label", "one") if has_label[0] else ("a label", "none")
        raise DataError(
            f"{odd.where}: image {odd.path} has {got}, and that of {first.where} has {other};"
            " give every image a label, or none of them"
        )
    return samples


def members_of(found: Iterable[Sequence[tuple[Member, int | None]]]) -> tuple[Members, Integers]:
    """The images of shards, those of one after the other; labels (n,), NO_LABEL for None."""
    shards: list[Shard] = []
    which, names, starts = array("i"), NamesBuilder(), array("q")
    sizes, labels = array("q"), array("q")
    for images in found:
        members = [member for member, _ in images]
        which.extend(itertools.repeat(len(shards), len(members)))
        shards.append(members[0].shard)
        names.add([member.name for member in members])
        starts.extend(member.start for member in members)
        sizes.extend(member.size for member in members)
        labels.extend(NO_LABEL if label is None else label for _, label in images)
    integers = [np.frombuffer(each, np.int64) for each in (starts, sizes, labels)]
    locations = Members(shards, np.frombuffer(which, np.int32), names.names(), *integers[:2])
    return locations, integers[2]


def labels_of(samples: Sequence[Sample]) -> Integers | None:
    """The labels of images (n,), of which all have one; None where none has."""
    if isinstance(samples, Samples):
        return samples.labels
    labels = [each.label for each in samples if each.label is not None]
    return np.array(labels, np.int64) if labels else None


def distinct(samples: Sequence[Sample]) -> int:
    """How many different images there are; a list may name one twice."""
    if not isinstance(samples, Samples):
        return len({each.location for each in samples})
    numbers: dict[Path, int] = {}
    keys = samples.locations.keys(lambda path: numbers.setdefault(path, len(numbers)))
    return len(np.unique(np.concatenate(list(keys))))


def path_texts(samples: Sequence[Sample]) -> Iterator[list[str]]:
    """The paths of images, some at a time."""
    if isinstance(samples, Samples):
        return samples.locations.texts()
    return iter([[str(each.path) for each in samples]])


def bounds(samples: Sequence[Sample]) -> tuple[str, str]:
    """The first and the last of the paths in the order of their letters."""
    found = [(min(paths), max(paths)) for paths in path_texts(samples)]
    return min(first for first, _ in found), max(last for _, last in found)
