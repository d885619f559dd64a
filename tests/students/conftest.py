"""Fixtures of students: a session on each engine, and lists of images of four classes."""

import pytest
from helpers import write_set

from deelish import Deel, InputBatch


@pytest.fixture
def corners(tmp_path):
    """(training list, validation list) of 24 and 8 images in four classes."""
    return write_set(tmp_path, "train", 24), write_set(tmp_path, "val", 8, first=24)


@pytest.fixture
def session():
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def sets(session, corners):
    return InputBatch(*corners, batch_size=8, crop=1, mirror=False)
