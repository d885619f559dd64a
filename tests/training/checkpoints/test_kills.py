"""A training that is killed at random moments comes to the same weights, history and cache."""

from pathlib import Path

import pytest
from conftest import require_chainer
from processes import printed
from torture import scaled

SCRIPT = Path(__file__).with_name("killed.py")


@pytest.mark.torture("B1")
@pytest.mark.parametrize(
    ("engine", "precision", "processes"),
    [
        ("torch", "float32", 1),
        pytest.param("torch", "bfloat16", 1, marks=pytest.mark.long),
        pytest.param("torch", "float32", 2, marks=pytest.mark.long),
        pytest.param("torch", "bfloat16", 2, marks=pytest.mark.long),
        pytest.param("chainer", "float32", 1, marks=pytest.mark.long),
    ],
)
def test_fifty_kills_change_nothing(tmp_path, engine, precision, processes):
    if engine == "chainer":
        require_chainer()
    kills = scaled(50)
    (found,) = printed(SCRIPT, tmp_path, engine, precision, processes, kills, 1)
    assert found["kills"] >= kills
    assert found["over"] >= 1
    assert found["wrong"] == []
