"""Errors: one sentence each, also where they are Python's own kinds, also after a pickle."""

from __future__ import annotations

import pickle

import pytest

import deelish.errors
from deelish import DeelishError
from deelish.errors import (
    DataError,
    EngineError,
    FileError,
    MissingDataError,
    MissingFileError,
    MissingPackageError,
    UsageError,
    first_line,
    reason,
)

KINDS = [
    kind
    for kind in vars(deelish.errors).values()
    if isinstance(kind, type) and issubclass(kind, DeelishError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_prints_its_sentence_and_can_be_pickled(kind):
    error = kind("list.txt line 3: no label; write one")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is kind
    for each in (error, again):
        assert str(each) == first_line(each) == reason(each) == error.args[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_in_the_docstring_has_every_error(kind):
    tree, _, _ = deelish.errors.__doc__.partition("Every message")
    assert f" {kind.__name__} " in tree or f" {kind.__name__}\n" in tree


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (UsageError, (TypeError,)),
        (DataError, (ValueError,)),
        (MissingDataError, (DataError, FileNotFoundError)),
        (MissingFileError, (FileError, FileNotFoundError)),
        (MissingPackageError, (EngineError, ImportError)),
    ],
)
def test_an_error_is_also_what_python_raises(kind, bases):
    assert all(issubclass(kind, base) for base in (DeelishError, *bases))
