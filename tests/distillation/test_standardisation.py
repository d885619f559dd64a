"""Running mean and deviation of features, against NumPy's over all batches at once."""

import numpy as np
import pytest

from deelish.common.processes import ALONE
from deelish.distillation.standardisation import Standardisation


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(50, 6)) * [1, 2, 1e-3, 1e4, 1, 0] + [0, 5, 1, -3e4, 1e3, 7]).astype(
        np.float32
    )


def test_batches_of_any_size_give_the_statistics_of_all_images(values):
    statistics = Standardisation(6)
    for part in np.split(values, [1, 8, 8, 31]):
        statistics.add(part, ALONE)
    exact = values.astype(float)
    deviation = np.where(exact.std(0) > 0, exact.std(0), 1)
    np.testing.assert_allclose(statistics.mean, exact.mean(0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(statistics.deviation, deviation, rtol=1e-5)
    np.testing.assert_allclose(
        statistics(values), (exact - exact.mean(0)) / deviation, rtol=1e-4, atol=1e-4
    )


def test_a_constant_channel_is_0_and_none_is_infinite(values):
    statistics = Standardisation(6)
    statistics.add(values[:1], ALONE)
    assert not statistics(values[:1]).any()
    statistics.add(values, ALONE)
    assert not statistics(values)[:, 5].any()
    assert np.isfinite(statistics(values)).all()


def test_before_any_image_features_stay_as_they_are(values):
    np.testing.assert_array_equal(Standardisation(6)(values), values)
