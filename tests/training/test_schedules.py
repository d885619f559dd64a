"""Schedules of the learning rate are their formulas, after a warm-up."""

import pytest

from deelish.training.schedules import schedule_of


@pytest.mark.parametrize(
    ("name", "options", "factors"),
    [
        ("constant", {}, [1, 1, 1]),
        ("linear", {}, [1, 0.5, 0]),
        ("linear", {"end": 0.5}, [1, 0.75, 0.5]),
        ("cosine", {}, [1, 0.5, 0]),
        ("cosine", {"end": 0.2}, [1, 0.6, 0.2]),
        ("step", {}, [1, 0.1, 0.01]),
        ("step", {"at": [0.2], "factor": 0.5}, [1, 0.5, 0.5]),
        ("exponential", {"end": 0.01}, [1, 0.1, 0.01]),
    ],
)
def test_schedules_are_their_formulas(name, options, factors):
    schedule = schedule_of(name, options, 0)
    assert [schedule(p) for p in (0, 0.5, 1)] == pytest.approx(factors)


def test_warmup_rises_and_then_leaves_the_schedule_alone():
    schedule = schedule_of("constant", {}, 0.1)
    assert [schedule(p) for p in (0, 0.05, 0.1, 1)] == pytest.approx([0.1, 0.55, 1, 1])
