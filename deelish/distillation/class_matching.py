"""Classes of a student found among those of a teacher, by their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from deelish.errors import TrainingError
from deelish.network.predictor import Predictor

WORDNET = re.compile(r"^(n\d{8})(?:[\s_:,-]+|$)")
SHOWN = 3


@dataclass(frozen=True)
class Name:
    """A class name as it is compared: WordNet's number, the name whole, and each synonym."""

    number: str
    whole: str
    synonyms: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Name:
        """``"n01440764 tench, Tinca tinca"`` -> n01440764; the whole; tench and tinca tinca."""
        found = WORDNET.match(text.strip().lower())
        rest = text.strip().lower()[found.end() if found else 0 :]
        parts = [" ".join(part.replace("_", " ").split()) for part in rest.split(",")]
        named = frozenset(part for part in parts if part)
        return cls(found[1] if found else "", ", ".join(part for part in parts if part), named)


def class_order(student: Predictor, teacher: Predictor) -> np.ndarray | None:
    """For each class of the student its place among the teacher's: int (classes,).

    None where the places are the same, or one of them has no names. Case, underscores, a number of
    WordNet before the name and synonyms after commas do not matter; a name that is the same as a
    whole counts before one that shares a synonym, and in lists of one length the same place before
    another.

    Raises:
        TrainingError: a class of the student is not among the teacher's, or could be several.
    """
    wanted, known = student.labels, teacher.labels
    if not wanted or not known or wanted == known:
        return None
    names = [Name.of(text) for text in known]
    keys = _index(names)
    found = [_places(Name.of(text), keys) for text in wanted]
    if len(wanted) == len(known):
        found = [[i] if i in places else places for i, places in enumerate(found)]
    missing = [text for text, places in zip(wanted, found, strict=True) if not places]
    if missing:
        _refuse_missing(student, teacher, missing)
    for text, places in zip(wanted, found, strict=True):
        if len(places) > 1:
            _refuse_doubtful(student, text, f"may be {_listed(known, places)} of {teacher.name}")
    order = np.array([places[0] for places in found])
    _check_apart(student, teacher, order)
    return None if len(order) == len(known) and (order == np.arange(len(known))).all() else order


def matched_line(student: Predictor, teacher: Predictor, order: Sequence[int]) -> str:
    """What to say of a match: how many classes, and the first whose names or places differ."""
    mine, theirs = student.labels or [], teacher.labels or []
    pairs = [(i, place) for i, place in enumerate(order) if (i, mine[i]) != (place, theirs[place])]
    shown = "; ".join(
        f"{i} {mine[i]!r} is its {place} {theirs[place]!r}" for i, place in pairs[:SHOWN]
    )
    return (
        f"{student.name}: its {len(mine)} classes were found by name among the {len(theirs)} of"
        f" {teacher.name}: {shown}{'; ...' if len(pairs) > SHOWN else ''}"
    )


Keys = tuple[dict[str, list[int]], ...]


def _index(names: Sequence[Name]) -> Keys:
    """Places by WordNet's number, by the whole name, and by synonym."""
    keys: Keys = ({}, {}, {})
    for place, name in enumerate(names):
        for table, texts in zip(keys, ([name.number], [name.whole], name.synonyms), strict=True):
            for text in texts:
                if text:
                    table.setdefault(text, []).append(place)
    return keys


def _places(name: Name, keys: Keys) -> list[int]:
    """Where it may be, by the surest sign that finds anything."""
    numbers, wholes, synonyms = keys
    if name.number in numbers:
        return numbers[name.number]
    if name.whole in wholes:
        return wholes[name.whole]
    return sorted({place for text in name.synonyms for place in synonyms.get(text, ())})


def _check_apart(student: Predictor, teacher: Predictor, order: np.ndarray) -> None:
    labels, known = student.labels or [], teacher.labels or []
    places, counts = np.unique(order, return_counts=True)
    for place in places[counts > 1]:
        first, second = (labels[i] for i in np.flatnonzero(order == place)[:2])
        said = f"and {second!r} are both {known[place]!r} of {teacher.name}"
        _refuse_doubtful(student, first, said)


def _refuse_missing(student: Predictor, teacher: Predictor, missing: Sequence[str]) -> NoReturn:
    known = {name: text for text in teacher.labels or () for name in Name.of(text).synonyms}
    shown = []
    for text in missing[:SHOWN]:
        near = difflib.get_close_matches(Name.of(text).whole, known, 2)
        nearest = ", ".join(dict.fromkeys(repr(known[name]) for name in near))
        shown.append(f"{text!r} (nearest: {nearest})" if near else repr(text))
    more = ", ..." if len(missing) > SHOWN else ""
    raise TrainingError(
        f"{student.name}: {len(missing)} of its {len(student.labels or ())} classes are not among"
        f" those of {teacher.name}: {', '.join(shown)}{more}; name them in labels= as"
        f" {teacher.name} does, or give one of the two a count as labels= to go by place"
    )


def _refuse_doubtful(student: Predictor, text: str, said: str) -> NoReturn:
    raise TrainingError(
        f"{student.name}: class {text!r} {said}; make names in labels= that differ, for example by"
        " a number of WordNet before each"
    )


def _listed(known: Sequence[str], places: Sequence[int]) -> str:
    return " or ".join(f"{place} {known[place]!r}" for place in places[:SHOWN])
