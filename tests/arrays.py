"""Small networks whose outputs are images, an autoencoder and a variational one; their losses."""

import math

import numpy as np
from helpers import once

from deelish import Layer, Network

FACTS = {"in_size": 8, "order": "L", "mean": (0.0,), "scale": 1 / 255, "crop": 1.0}


def reconstruction(name="Auto", hidden=12, *, squashed=True, **facts):
    """A perceptron that makes 8 x 8 grey pixels, from 0 to 1 where it is squashed."""
    rows = [
        Layer("code", "InnerProduct", num_output=hidden),
        Layer("relu", "ReLU"),
        Layer("pixels", "InnerProduct", num_output=64),
        Layer("image", "Reshape", shape=[0, 1, 8, 8]),
        *([Layer("out", "Sigmoid", "image", "out")] if squashed else []),
    ]
    return Network(rows, name=name, **FACTS | facts)


def variational(name="Variational", code=3, *, loss_weight=1.0, **facts):
    """The same with a code that is drawn from a Gaussian."""
    rows = [
        Layer("gaussian", "InnerProduct", num_output=2 * code),
        Layer("kl", "GaussianKL", loss_weight=loss_weight),
        Layer("code", "GaussianSample", "gaussian"),
        Layer("pixels", "InnerProduct", num_output=64),
        Layer("image", "Reshape", shape=[0, 1, 8, 8]),
        Layer("out", "Sigmoid", "image", "out"),
    ]
    return Network(rows, name=name, **FACTS | facts)


BCE = "binary_cross_entropy"


def entropy(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def squares(p, t):
    return (p - t) ** 2


FORMULAS = {BCE: entropy, "mse": squares}


def pixels(network, x):
    """What the network sees of the images, as float64."""
    rule = network.preprocessing
    return rule.apply(x.pixels(rule)).astype(np.float64)


def assert_losses(learn, expected):
    """One epoch, in which each loss is compared; both get the images."""
    seen = []

    def workout(x, t):
        outcome, loss = learn(x), expected(x)
        seen.append((outcome.loss, loss))
        assert math.isnan(outcome.accuracy)
        return outcome

    history = once(workout)
    assert "accuracy" not in history[0]
    assert len(seen) == 6
    np.testing.assert_allclose(*zip(*seen, strict=True), rtol=1e-4)
