"""The losses on features: NumPy's formulas on every engine, and options that are refused."""

import numpy as np
import pytest

from deelish.distillation.features import FEATURE_LOSSES
from deelish.distillation.hint_losses import Features

N, CHANNELS = 7, 5


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, N, CHANNELS)).astype(np.float32)


def value_of(engine, name, student, teacher):
    maps = [engine.array(each.reshape((*each.shape, 1, 1))) for each in (student, teacher)]
    return float(engine.numpy(FEATURE_LOSSES[name](Features(engine, *maps))))


def test_cosine_is_the_mean_of_1_less_the_cosine_of_each_image(engine, pair):
    cosines = [s @ t / np.linalg.norm(s) / np.linalg.norm(t) for s, t in zip(*pair, strict=True)]
    assert value_of(engine, "cosine", *pair) == pytest.approx(1 - np.mean(cosines), rel=1e-5)
    assert value_of(engine, "cosine", 3 * pair[0], pair[0]) == pytest.approx(0, abs=1e-6)
    assert value_of(engine, "cosine", -pair[0], pair[0]) == pytest.approx(2, rel=1e-6)


def test_cosine_of_features_that_are_all_0_is_a_number(engine, pair):
    assert value_of(engine, "cosine", pair[0], np.zeros_like(pair[0])) == pytest.approx(1)


def test_mse_is_the_mean_squared_distance(engine, pair):
    student, teacher = pair.astype(float)
    expected = ((student - teacher) ** 2).mean()
    assert value_of(engine, "mse", *pair) == pytest.approx(expected, rel=1e-5)
