"""Fixtures of training: a session, and two lists of images."""

import pytest
from helpers import write_set

from deelish import Deel, InputBatch


@pytest.fixture
def corners(tmp_path):
    """(training list, validation list) of 64 and 20 images in four classes."""
    return write_set(tmp_path, "train", 64), write_set(tmp_path, "val", 20, first=64)


@pytest.fixture
def session(each_engine):
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def sets(session, corners):
    return InputBatch(*corners, batch_size=16, crop=1, mirror=False, keep="memory")
