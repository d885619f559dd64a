"""Fixtures of distillation: a session and an engine, once for each engine that trains."""

import pytest
from differences import engine_of

from deelish import Deel


@pytest.fixture
def session(each_engine):
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def engine(each_engine):
    return engine_of(each_engine)
