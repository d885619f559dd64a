"""Fixtures of the verbs: a session, and a list of images in it."""

import pytest
from helpers import write_set

from deelish import Deel, InputBatch


@pytest.fixture
def session():
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def images(session, tmp_path):
    return InputBatch(write_set(tmp_path, "train", 16), batch_size=16, crop=1, mirror=False)
