"""Cached logits of augmented views: they equal fresh ones, and another recipe has its own."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import small, write_set

from deelish import BatchTrain, Deel, InputBatch, Teacher

pytestmark = pytest.mark.usefixtures("folder")

WEIGHTS = np.random.default_rng(0).normal(size=(3 * 16 * 16, 4)).astype(np.float32) / 50


def noise_of(image, generator):
    return image ^ generator.integers(0, 8, image.shape, dtype=np.uint8)


RECIPES = [
    "random_resized_crop",
    "horizontal_flip",
    "vertical_flip",
    {"name": "color_jitter", "hue": 0.1},
    "grey",
    "blur",
    "rand_augment",
    "trivial_augment",
    "random_erasing",
    {"function": noise_of, "key": "noise"},
    ["random_resized_crop", "rand_augment", {"function": noise_of, "key": "noise"}],
]


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 12)


def logits_of_training(images, epochs=4, **options):
    """(cached, fresh) logits of each batch, and how many images the cached teacher computed."""
    computed, pairs = [], []

    def function(batch):
        return batch.reshape(len(batch), -1) @ WEIGHTS

    def counted(batch):
        computed.append(len(batch))
        return function(batch)

    with Deel(seed=3):
        facts = {"size": 16, "mean": 0, "scale": 1 / 255, "labels": 4}
        teacher = Teacher(counted, key="projection", **facts)
        fresh, student = Teacher(function, **facts), small(name="Student")
        InputBatch(images, batch_size=6, **{"views": 2, **options})

        def workout(x, t):
            logits = teacher.batch_feature(x)
            pairs.append((logits.value, fresh.batch_feature(x).value))
            student.classify(x)
            return student.backprop(logits, distill=True)

        BatchTrain(workout, epochs=epochs)
    return pairs, sum(computed)


@pytest.mark.parametrize("mix", [None, "mixup"])
@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_cached_logits_equal_fresh_ones_to_half_precision(images, recipe, mix):
    pairs, computed = logits_of_training(images, augment=recipe, mix=mix)
    assert len(pairs) == 8
    # Two more where the first batches of a teacher are checked.
    assert 24 <= computed <= 24 + 12
    for cached, fresh in pairs:
        np.testing.assert_allclose(cached, fresh, rtol=2**-10, atol=1e-6)
    again, computed = logits_of_training(images, augment=recipe, mix=mix)
    assert computed == 0
    for (cached, _), (first, _) in zip(again, pairs, strict=True):
        np.testing.assert_array_equal(cached, first)


def test_another_recipe_never_gets_the_logits_of_the_first(images):
    recipes = [
        None,
        "grey",
        {"name": "grey", "p": 1},
        {"name": "color_jitter", "brightness": 0.5},
        {"name": "color_jitter", "brightness": 0.6},
        {"function": noise_of, "key": "v1"},
        {"function": noise_of, "key": "v2"},
        ["grey", "blur"],
        ["blur", "grey"],
    ]
    for recipe in recipes:
        pairs, computed = logits_of_training(images, epochs=1, augment=recipe, views=1)
        assert computed >= 12
        for cached, fresh in pairs:
            np.testing.assert_allclose(cached, fresh, rtol=2**-10, atol=1e-6)
    assert logits_of_training(images, epochs=1, augment=recipes[2], views=1)[1] == 0
