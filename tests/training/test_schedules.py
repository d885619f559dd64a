"""Schedules of the learning rate are their formulas, after a warm-up."""

import math

import numpy as np
import pytest

from deelish.errors import TrainingError
from deelish.training.schedules import SCHEDULES, schedule_of


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
        ("triangle", {"start": 0, "peak": 0.5, "end": 0}, [0, 1, 0]),
        ("triangle", {"start": 0.4, "peak": 0.75, "end": 0.1}, [0.4, 0.8, 0.1]),
        ("triangle", {"start": 0.4, "peak": 0.25, "end": 0.1}, [0.4, 0.7, 0.1]),
    ],
)
def test_schedules_are_their_formulas(name, options, factors):
    schedule = schedule_of(name, options, 0)
    assert [schedule(p) for p in (0, 0.5, 1)] == pytest.approx(factors)


def test_a_triangle_is_two_straight_lines_with_the_published_corners():
    # Jordan 2024: an interpolation between these corners.
    places = np.linspace(0, 1, 101)
    for options, corners in (
        ({}, ([0, 0.23, 1], [0.2, 1, 0.07])),
        ({"start": 1, "peak": 0.4, "end": 0.5}, ([0, 0.4, 1], [1, 1, 0.5])),
        ({"start": np.float64(0.5)}, ([0, 0.23, 1], [0.5, 1, 0.07])),
    ):
        schedule = schedule_of("triangle", options, None)
        np.testing.assert_allclose([schedule(p) for p in places], np.interp(places, *corners))


@pytest.mark.parametrize("name", [*SCHEDULES, lambda progress: 0.5])
def test_only_a_triangle_has_no_warmup_of_its_own(name):
    alone, given = schedule_of(name, {}, 0), schedule_of(name, {}, None)
    first = 1 if name == "triangle" else 0.1
    assert given(0) == pytest.approx(first * alone(0))
    assert given(0.06) == alone(0.06)
    assert schedule_of(name, {}, 0.5)(0) == pytest.approx(0.1 * alone(0))


@pytest.mark.parametrize("value", [-0.1, 1.1, 200, "0.2", None, True, math.nan, math.inf, [0.2]])
def test_corners_of_a_triangle_out_of_range_are_refused(value):
    for name in ("start", "end"):
        words = rf"^schedule 'triangle' has {name}=.*; give a factor on the learning rate, from 0"
        with pytest.raises(TrainingError, match=words):
            schedule_of("triangle", {name: value}, None)
    for peak in (value, 0, 1):
        words = "^schedule 'triangle' has peak=.*; give a fraction of the training, above 0 and"
        with pytest.raises(TrainingError, match=words):
            schedule_of("triangle", {"peak": peak}, None)


def test_warmup_rises_and_then_leaves_the_schedule_alone():
    schedule = schedule_of("constant", {}, 0.1)
    assert [schedule(p) for p in (0, 0.05, 0.1, 1)] == pytest.approx([0.1, 0.55, 1, 1])
