"""The linear probe of embeddings: fitted, its strength chosen on images that are held out."""

import numpy as np
import pytest
from scipy import optimize

from deelish.training.probe import HELD_OUT, STRENGTHS, fit_probe

CLASSES, CHANNELS = 3, 6


@pytest.fixture
def blobs():
    """Embeddings around one centre a class, each channel on a scale of its own, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 300)
    centres = rng.normal(size=(CLASSES, CHANNELS))
    found = centres[labels] + rng.normal(size=(300, CHANNELS))
    scales = np.array([1, 100, 0.01, 1, 1, 0])
    return (found * scales + [0, 5, 1, -3, 0, 2]).astype(np.float32), labels


def test_it_is_logistic_regression_on_standardised_embeddings(blobs):
    features, labels = blobs
    probe = fit_probe(features, labels, CLASSES, seed=1)
    exact = features.astype(float)
    deviation = np.where(exact.std(0) > 1e-6, exact.std(0), 1)
    rows = (exact - exact.mean(0)) / deviation

    def loss(values):
        weight = values[:-CLASSES].reshape(CLASSES, CHANNELS)
        scores = rows @ weight.T + values[-CLASSES:]
        scores -= scores.max(1, keepdims=True)
        entropy = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(labels)), labels]
        return entropy.mean() + probe.strength / 2 * (weight**2).sum()

    least = optimize.minimize(loss, np.zeros(CLASSES * (CHANNELS + 1)), method="BFGS")
    weight = probe.weight * deviation
    bias = probe.bias + probe.weight @ exact.mean(0)
    assert loss(np.concatenate([weight.ravel(), bias])) <= least.fun + 1e-5
    expected = least.x[:-CLASSES].reshape(CLASSES, CHANNELS)
    np.testing.assert_allclose(weight[:, :5], expected[:, :5], atol=0.02)


def test_the_strength_is_chosen_on_a_tenth_that_is_held_out(blobs):
    features, labels = blobs
    probe = fit_probe(features, labels, CLASSES, seed=1)
    assert probe.strength in STRENGTHS
    assert probe.held_out == 300 // HELD_OUT
    assert 0.5 < probe.accuracy < 1
    again = fit_probe(features, labels, CLASSES, seed=1)
    np.testing.assert_array_equal(again.weight, probe.weight)
    # Labels without any relation to the embeddings are best predicted with hardly any weight.
    chance = fit_probe(features, np.random.default_rng(5).permutation(labels), CLASSES, seed=1)
    assert chance.accuracy < 0.6
