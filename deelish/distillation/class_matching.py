"""Matches the classes of a student to those of a teacher by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from deelish.common.class_names import ClassNames
from deelish.common.printing import amount
from deelish.errors import TrainingError
from deelish.network.inputs import InputTensor
from deelish.network.predictor import Predictor

SHOWN = 3


def class_order(student: Predictor, teacher: Predictor) -> np.ndarray | None:
    """The index of each class of the student among the teacher's classes: int (classes,).

    None where the indices are the same, or one of the two has no names. Case, underscores, a number
    of WordNet before the name and synonyms after commas do not matter. An equal whole name counts
    before an equal synonym. In lists of equal length the same index counts before another.

    Raises:
        TrainingError: a class of the student is not among the teacher's, or could be several.
    """
    own, theirs = student.labels, teacher.labels
    if not own or not theirs or own == theirs:
        return None
    found = _found(student, own, theirs)
    if len(own) == len(theirs):
        found = [[i] if i in indices else indices for i, indices in enumerate(found)]
    missing = [text for text, indices in zip(own, found, strict=True) if not indices]
    if missing:
        _refuse_missing(student, teacher, missing)
    for text, indices in zip(own, found, strict=True):
        if len(indices) > 1:
            _refuse_ambiguous(student, text, f"may be {_listed(theirs, indices)} of {teacher.name}")
    order = np.array([indices[0] for indices in found])
    _check_distinct(student, teacher, order)
    return None if len(order) == len(theirs) and (order == np.arange(len(theirs))).all() else order


def _found(student: Predictor, own: Sequence[str], theirs: Sequence[str]) -> list[list[int]]:
    """For each class of the student those of the teacher that it may be; a token is only itself."""
    if student.sequences is not None and student.sequences.next_token:
        known = {token: index for index, token in enumerate(theirs)}
        return [[known[token]] if token in known else [] for token in own]
    names = ClassNames(theirs)
    return [names.indices(text) for text in own]


def check_top(student: Predictor, teacher: Predictor, images: InputTensor) -> None:
    """Refuse cached logits of the highest classes for a student of few of the classes.

    Most of the highest logits are then of classes that it lacks, and all of its own are equal.

    Raises:
        TrainingError: the student has less than half of the teacher's classes, and less than half
            of the logits are cached.
    """
    cache = images.viewing.cache
    if cache is None:
        return
    top = cache.top_of(teacher, images)
    if top is None or 2 * max(top, student.classes) >= teacher.classes:
        return
    raise TrainingError(
        f"{student.name}: InputBatch(top={top}) caches the {top} highest of the"
        f" {teacher.classes} logits of {teacher.name}, few of which are of the"
        f" {student.classes} classes of {student.name}; leave top= out, which takes"
        f" {amount(2 * teacher.classes)} for each {images.noun}"
    )


def matched_line(student: Predictor, teacher: Predictor, order: Sequence[int]) -> str:
    """A message about a match: how many classes, and the first whose names or indices differ."""
    own, theirs = student.labels or [], teacher.labels or []
    pairs = [(i, j) for i, j in enumerate(order) if (i, own[i]) != (j, theirs[j])]
    shown = "; ".join(f"{i} {own[i]!r} is its {j} {theirs[j]!r}" for i, j in pairs[:SHOWN])
    return (
        f"{student.name}: its {len(own)} classes were found by name among the {len(theirs)} of"
        f" {teacher.name}: {shown}{'; ...' if len(pairs) > SHOWN else ''}"
    )


def _check_distinct(student: Predictor, teacher: Predictor, order: np.ndarray) -> None:
    own, theirs = student.labels or [], teacher.labels or []
    indices, counts = np.unique(order, return_counts=True)
    for index in indices[counts > 1]:
        first, second = (own[i] for i in np.flatnonzero(order == index)[:2])
        problem = f"and {second!r} are both {theirs[index]!r} of {teacher.name}"
        _refuse_ambiguous(student, first, problem)


def _refuse_missing(student: Predictor, teacher: Predictor, missing: Sequence[str]) -> NoReturn:
    theirs, shown = ClassNames(teacher.labels or ()), []
    for text in missing[:SHOWN]:
        near = theirs.nearest(text, 2)
        nearest = ", ".join(map(repr, near))
        shown.append(f"{text!r} (nearest: {nearest})" if near else repr(text))
    more = ", ..." if len(missing) > SHOWN else ""
    raise TrainingError(
        f"{student.name}: {len(missing)} of its {len(student.labels or ())} classes are not among"
        f" those of {teacher.name}: {', '.join(shown)}{more}; name them in labels= as"
        f" {teacher.name} does, or give one of the two a count as labels= to match them by index"
    )


def _refuse_ambiguous(student: Predictor, text: str, problem: str) -> NoReturn:
    raise TrainingError(
        f"{student.name}: class {text!r} {problem}; make names in labels= that differ, for example"
        " by a number of WordNet before each"
    )


def _listed(names: Sequence[str], indices: Sequence[int]) -> str:
    return " or ".join(f"{index} {names[index]!r}" for index in indices[:SHOWN])
