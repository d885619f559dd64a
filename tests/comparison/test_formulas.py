"""Formulas against published tables and numbers by hand: interval, calibration, memory, time."""

from __future__ import annotations

import numpy as np
import pytest

from deelish import Layer, Plan
from deelish.comparison import timing
from deelish.comparison.calibration import calibration_error, reliability
from deelish.comparison.devices import DEVICES, device_of
from deelish.comparison.interval import wilson
from deelish.comparison.measure import predictions
from deelish.errors import DataError
from deelish.plan.peak_memory import peak_numbers


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_interval_of_a_fraction(hits, trials, low, high):
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (3, 7), (999, 1000)])
def test_the_bounds_are_those_of_the_normal_test(hits, trials):
    for bound in wilson(hits, trials):
        distance = abs(hits / trials - bound)
        assert distance == pytest.approx(1.959964 * np.sqrt(bound * (1 - bound) / trials), abs=1e-6)


def test_calibration_error_by_hand():
    confidence = np.array([0.5, 0.52, 0.9, 1.0, 0.95])
    correct = np.array([True, False, True, False, True])
    # Bins of 1/15: 0.5 and 0.52 in (7/15, 8/15], 0.9 in (13/15, 14/15], the other two in the last.
    expected = (2 * abs(0.51 - 0.5) + 1 * abs(0.9 - 1) + 2 * abs(0.975 - 0.5)) / 5
    bins = reliability(confidence, correct)
    assert calibration_error(bins) == pytest.approx(expected)
    assert [each.images for each in bins] == [0] * 7 + [2] + [0] * 5 + [1, 2]
    assert (bins[0].accuracy, bins[-1].accuracy) == (None, 0.5)


def test_a_bin_ends_with_its_upper_bound():
    confidence = np.array([1 / 15 + 1e-9, 1 / 15 - 1e-9, 1.0])
    counts = [each.images for each in reliability(confidence, np.ones(3, bool))]
    assert counts == [1, 1, *[0] * 12, 1]


def test_divergence_and_agreement_by_hand():
    teacher = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])).astype(np.float32)
    student = np.log(np.array([[0.5, 0.4, 0.1], [0.2, 0.5, 0.3]])).astype(np.float32) + 7
    made = predictions(student, teacher, np.array([0, 2]))
    expected = [
        0.7 * np.log(0.7 / 0.5) + 0.2 * np.log(0.2 / 0.4),
        0.1 * np.log(0.1 / 0.2) + 0.3 * np.log(0.3 / 0.5) + 0.6 * np.log(0.6 / 0.3),
    ]
    np.testing.assert_allclose(made.divergence, expected, atol=1e-6)
    np.testing.assert_allclose(made.confidence, [0.5, 0.5], rtol=1e-6)
    assert (made.agrees.tolist(), made.correct.tolist()) == ([True, False], [True, False])


def test_in_top_5_means_the_teachers_five_highest():
    teacher = np.array([[7, 6, 5, 4, 3, 2, 1]] * 3, np.float32)
    student = np.eye(7, dtype=np.float32)[[0, 4, 5]]
    made = predictions(student, teacher, np.zeros(3, int))
    assert made.in_top_5.tolist() == [True, True, False]
    assert made.agrees.tolist() == [True, False, False]


def test_huge_logits_give_no_nan():
    teacher, student = np.array([[1e30, 0]], np.float32), np.array([[0, 1e30]], np.float32)
    made = predictions(student, teacher, np.array([0]))
    assert made.divergence == pytest.approx(1e30, rel=1e-6)


def test_memory_of_a_chain():
    rows = [
        Layer("conv", "Convolution", num_output=2, kernel_size=3, pad=1),
        Layer("relu", "ReLU"),
        Layer("pool", "Pooling", kernel_size=2, stride=2),
        Layer("score", "InnerProduct", num_output=3),
        Layer("prob", "Softmax"),
    ]
    weights = 2 * 9 + 2 + 3 * 8 + 3
    # While conv runs: 16 numbers of the image and 32 of its own. The input of ten counts as one.
    for batch in (1, 10):
        assert peak_numbers(Plan(rows, {"data": (batch, 1, 4, 4)})) == weights + 16 + 32


def test_a_blob_lives_until_its_last_reader():
    rows = [
        Layer("a", "Power", "data", "a"),
        Layer("b", "TanH", "a", "b"),
        Layer("c", "TanH", "b", "c"),
        Layer("sum", "Eltwise", ["a", "c"], "sum"),
        Layer("score", "Pooling", "sum", "score", pool="AVE", global_pooling=True),
    ]
    # a, c and sum while sum is made; without a it would be two.
    assert peak_numbers(Plan(rows, {"data": (1, 2, 5, 5)})) == 3 * 50


def test_memory_counts_only_what_the_logits_depend_on():
    shared = ({"name": "w"}, {"name": "b"})
    rows = [
        Layer("first", "InnerProduct", "data", "first", num_output=8, param=shared),
        Layer("again", "InnerProduct", "first", "again", num_output=8, param=shared),
        Layer("head", "InnerProduct", "first", "head", num_output=100),
    ]
    plan = Plan(rows, {"data": (1, 8)}, logits="again")
    assert peak_numbers(plan) == 8 * 8 + 8 + 8 + 8


def test_a_device_takes_half_its_memory_and_a_tenth_of_its_storage():
    device = device_of("raspberry-pi-3")
    assert device.fits(2**29, 16 * 10**8) is True
    assert device.fits(2**29 + 1, 1) is False
    assert device.fits(1, 16 * 10**8 + 1) is False
    assert device.fits(None, 1) is None
    assert DEVICES["arduino-nano-33-ble"].memory == 262144


def test_an_unknown_device_is_refused_with_the_names():
    words = r"fits='toaster': no such device is known; known: arduino-nano-33-ble, esp32-s3, rasp"
    with pytest.raises(DataError, match=words):
        device_of("toaster")


def test_time_is_the_median_an_image_after_warming_up(monkeypatch):
    now = iter(range(10**6))
    lengths = iter([90, 90, 8, 4, 100, 4, 4])

    def call():
        for _ in range(next(lengths)):
            next(now)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(now)))
    # A call of 4 ticks spans 5 from the tick before it to the one after it.
    assert timing.milliseconds({"net": call}, 2) == {"net": 5 * 1000 / 2}
