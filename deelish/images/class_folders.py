"""Class folders: the label of each one's images, by the names of the networks' classes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from deelish.common.class_names import ClassNames
from deelish.errors import DataError

# A message shows at most so many folders.
SHOWN = 8
ODD = 3


@dataclass(frozen=True)
class NamedClasses:
    """The names of a network's classes.

    Attributes:
        owner: the network, in words.
        names: the name of each class, in the order of the logits.
        meant: whether the folders are meant for this network; one of a session may be another's.
    """

    owner: str
    names: Sequence[str]
    meant: bool = True


@dataclass(frozen=True)
class ClassFolders:
    """The class folders of a source and their labels.

    Attributes:
        source: the folder that they are in.
        numbers: by a folder's name, the label of its images.
        by_name: whether these are indices among the names of a network's classes.
        line: what to print about the numbers, or None.
        noun: what a name is, in words.
    """

    source: str
    numbers: Mapping[str, int]
    by_name: bool = False
    line: str | None = None
    noun: str = "class folder"

    def order_for(self, known: NamedClasses) -> np.ndarray | None:
        """The index of each label among a network's classes, -1 where no folder has it.

        None where no folder has the name of a class.

        Raises:
            DataError: some folders have such names and others not, or a name means several.
        """
        found = _found(list(self.numbers), known)
        if not any(found):
            return None
        order = np.full(max(self.numbers.values()) + 1, -1)
        order[list(self.numbers.values())] = _checked(
            self.source, list(self.numbers), found, known, self.noun
        )
        return order

    @property
    def listed(self) -> str:
        """``0 'ant', 1 'cat', ...``."""
        pairs = sorted((number, name) for name, number in self.numbers.items())
        shown = ", ".join(f"{number} {name!r}" for number, name in pairs[:SHOWN])
        return f"{shown}{', ...' if len(pairs) > SHOWN else ''}"


def class_folders(source: str | Path) -> list[str]:
    """The sorted names of the class folders in a folder; none when source is a list."""
    if not Path(source).is_dir():
        return []
    try:
        with os.scandir(source) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise DataError(f"{source}: the folder cannot be read ({error.strerror})") from error
    return sorted(name for name in names if not name.startswith("."))


def numbered_folders(source: str | Path, known: Sequence[NamedClasses] = ()) -> ClassFolders:
    """The class folders of a source, each with its label.

    They are numbered by the first of the networks that has a class for each of them, by the same
    name or another spelling of it; where no network has their names, by the alphabet.

    Raises:
        DataError: some folders have the names of a network's classes and others not, or a name
            means several classes.
    """
    folders = class_folders(source)
    matches = [(each, _found(folders, each)) for each in known]
    for each, found in matches if folders else ():
        if all(found):
            numbers = _checked(source, folders, found, each)
            line = _spelling_line(source, folders, numbers, each)
            return ClassFolders(str(source), dict(zip(folders, numbers, strict=True)), True, line)
    for each, found in matches:
        count = sum(map(bool, found))
        # A teacher of other classes may have a few of these names by chance.
        if count > (0 if each.meant else len(folders) / 2):
            _checked(source, folders, found, each)
    made = ClassFolders(str(source), {name: number for number, name in enumerate(folders)})
    return ClassFolders(made.source, made.numbers, line=_alphabet_line(made, known))


def _found(folders: Sequence[str], known: NamedClasses) -> list[list[int]]:
    """For each folder the classes that its name may mean; the very same name counts first."""
    same: dict[str, list[int]] = {}
    for index, name in enumerate(known.names):
        same.setdefault(name, []).append(index)
    names = ClassNames(known.names)
    return [same.get(folder) or names.indices(folder) for folder in folders]


def _checked(
    source: str | Path,
    folders: Sequence[str],
    found: Sequence[list[int]],
    known: NamedClasses,
    noun: str = "class folder",
) -> list[int]:
    """The class of each folder.

    Raises:
        DataError: a folder has none or several, or two have the same.
    """
    odd = [folder for folder, indices in zip(folders, found, strict=True) if not indices]
    if odd:
        _refuse_odd(source, folders, odd, known, noun)
    taken: dict[int, str] = {}
    for folder, indices in zip(folders, found, strict=True):
        if len(indices) > 1:
            which = " or ".join(f"{i} {known.names[i]!r}" for i in indices[:ODD])
            raise DataError(
                f"{source}: {noun} {folder!r} may be {which} of {known.owner}; name it as one of"
                " labels=, and let these differ"
            )
        other = taken.setdefault(indices[0], folder)
        if other != folder:
            raise DataError(
                f"{source}: {noun}s {other!r} and {folder!r} are both"
                f" {known.names[indices[0]]!r} of {known.owner}; merge them under one name"
            )
    return [indices[0] for indices in found]


def _refuse_odd(
    source: str | Path,
    folders: Sequence[str],
    odd: Sequence[str],
    known: NamedClasses,
    noun: str,
) -> NoReturn:
    names, shown = ClassNames(known.names), []
    for folder in odd[:ODD]:
        near = names.nearest(folder, 1)
        shown.append(f"{folder!r} (nearest label: {near[0]!r})" if near else repr(folder))
    verb, more = "has" if len(odd) == 1 else "have", ", ..." if len(odd) > ODD else ""
    raise DataError(
        f"{source}: {len(odd)} of its {len(folders)} {noun}s {verb} no label of"
        f" {known.owner}: {', '.join(shown)}{more}; name each as its label, or make the network"
        " that learns, with these names as labels=, before InputBatch"
    )


def _spelling_line(
    source: str | Path, folders: Sequence[str], numbers: Sequence[int], known: NamedClasses
) -> str | None:
    """Which folders were found under another spelling."""
    pairs = [
        (folder, known.names[number])
        for folder, number in zip(folders, numbers, strict=True)
        if folder != known.names[number]
    ]
    if not pairs:
        return None
    shown = ", ".join(f"{folder!r} is {name!r}" for folder, name in pairs[:ODD])
    more = ", ..." if len(pairs) > ODD else ""
    return f"{source}: class folders were found by name among {known.owner}'s: {shown}{more}"


def _alphabet_line(made: ClassFolders, known: Sequence[NamedClasses]) -> str | None:
    """Which number each folder got, where that may surprise."""
    if known and made.numbers:
        return (
            f"{made.source}: its class folders are not named as the labels of"
            f" {' or '.join(dict.fromkeys(each.owner for each in known))}, and are numbered by the"
            f" alphabet: {made.listed}"
        )
    if any(name.isdecimal() and int(name) != n for name, n in made.numbers.items()):
        return f"{made.source}: class folders are numbered by the alphabet: {made.listed}"
    return None
