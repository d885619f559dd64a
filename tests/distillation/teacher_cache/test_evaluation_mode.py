"""Cached logits are those of evaluation mode: from a training, and from the command teach."""

import numpy as np
import pytest
from helpers import small, trained, write_set

from deelish import BatchTrain, Deel, InputBatch, Network, Teacher

pytestmark = pytest.mark.usefixtures("folder", "each_engine")


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 12)


@pytest.fixture
def model(tmp_path, images):
    """A file of a small trained network, which draws dropout in training."""
    with Deel(seed=1):
        network = small(dropout=0.5)
        InputBatch(images, batch_size=4)
        return trained(network).save(tmp_path / "small.hdf5")


def by_formula(network, x):
    """The logits without dropout, in NumPy: all hidden units, none of them scaled."""
    state = network.engine.state(network.module)
    grey = x.pixels(network.preprocessing)[..., 0].reshape(len(x), -1) / 255.0
    hidden = np.maximum(grey @ state["hidden"]["weight"].T + state["hidden"]["bias"], 0)
    return hidden @ state["score"]["weight"].T + state["score"]["bias"]


def check_cached(model, images, wrap, asked):
    """Train two epochs under views=2; what is cached for each view is the formula's."""
    seen = []
    with Deel(seed=5):
        network, student = Network.load(model), small("Student")
        teacher = wrap(network)
        InputBatch(images, batch_size=4, views=2)

        def workout(x, t):
            logits = teacher.batch_feature(x) if asked else None
            found, cached = x.viewing.cache.store_of(teacher, x).get(x.pictures.keys)
            assert found.all()
            exact = by_formula(network, x)
            # Half precision holds 11 binary digits.
            np.testing.assert_allclose(cached, exact, rtol=2**-10, atol=1e-3)
            if asked:
                np.testing.assert_array_equal(logits.value, cached)
            seen.append(len(x))
            student.classify(x)
            return student.backprop(t)

        BatchTrain(workout, epochs=2)
    assert sum(seen) == 2 * 12


@pytest.mark.parametrize("wrap", [lambda network: network, Teacher], ids=["network", "Teacher"])
def test_a_training_caches_the_logits_of_evaluation_mode(wrap, model, images):
    check_cached(model, images, wrap, asked=True)


def test_teach_caches_the_logits_of_evaluation_mode(model, images, ran):
    ran("teach", model, "--images", images, "--views", 2, "--batch-size", 4)
    check_cached(model, images, lambda network: network, asked=False)
