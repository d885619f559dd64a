"""Fixtures of comparisons: lists, a teacher and a student, and short timings."""

from __future__ import annotations

import pytest
from comparison.corners import LABELS, known
from helpers import small, write_set

from deelish import Deel
from deelish.comparison import timing


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few calls are timed."""
    monkeypatch.setattr(timing, "SECONDS", 0.0)


@pytest.fixture
def sets(tmp_path):
    """The lists test.txt, of 24 images, and train.txt, of 20."""
    return write_set(tmp_path, "test", 24, 100), write_set(tmp_path, "train", 20)


@pytest.fixture
def teacher():
    """A network of random weights that counts as trained, in a session of its own."""
    with Deel(seed=1):
        yield known(small("Teacher", labels=LABELS))


@pytest.fixture
def student(teacher):
    """Another one in the same session."""
    return known(small("Student", labels=LABELS))
