"""A user's own augmentation: what it gets, and how its faults are found."""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deelish.errors import TrainingError
from deelish.images.augmentation.parsing import augmentation_of
from deelish.images.augmentation.user_function import CHECKED_FIRST, CHECKED_LATER

IMAGE = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)


def augmentation(function, *before):
    return augmentation_of([*before, {"function": function, "key": "v1"}])


def noise(image, generator):
    return image ^ generator.integers(0, 4, image.shape, dtype=np.uint8)


def test_it_gets_the_pixels_so_far_and_a_generator_of_the_seed():
    inverted = augmentation(lambda image, generator: 255 - image, {"name": "vertical_flip", "p": 1})
    np.testing.assert_array_equal(inverted.apply(IMAGE, 0), 255 - IMAGE[::-1])
    results = [augmentation(noise).apply(IMAGE, seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    second = augmentation_of([{"function": noise, "key": "v1"}] * 2)
    # Each of the two draws its own noise: they do not undo each other.
    assert not np.array_equal(second.apply(IMAGE, 1), IMAGE)


def test_it_may_write_to_its_image():
    def blacken(image, generator):
        image[:5] = 0
        return image

    before = IMAGE.copy()
    pixels = augmentation(blacken).apply(IMAGE, 0)
    assert not pixels[:5].any()
    np.testing.assert_array_equal(pixels[5:], IMAGE[5:])
    np.testing.assert_array_equal(IMAGE, before)


def test_a_result_goes_on_to_the_next_item_even_as_a_view():
    flipped = augmentation_of(
        [{"function": lambda im, g: im[:, ::-1], "key": "v1"}, {"name": "vertical_flip", "p": 1}]
    )
    np.testing.assert_array_equal(flipped.apply(IMAGE, 0), IMAGE[::-1, ::-1])


def failing(image, generator):
    raise KeyError("colour\nof the sky")


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda im, g: im[:10], "returns uint8 (10, 20, 3); it must return uint8 (20, 20, 3)"),
        (lambda im, g: im / 255, "returns float64 (20, 20, 3); it must return uint8 (20, 20, 3)"),
        (lambda im, g: im[..., 0], "returns uint8 (20, 20); "),
        (lambda im, g: None, "returns NoneType; it must return uint8 (20, 20, 3)"),
        (lambda im: im, "fails with TypeError: "),
        (failing, "the function failing (key='v1') fails with KeyError: colour; it gets an image"),
    ],
)
def test_what_it_does_wrong_is_one_sentence(function, text):
    with pytest.raises(TrainingError) as caught:
        augmentation(function).apply(IMAGE, 0)
    message = str(caught.value)
    assert message.startswith("InputBatch(augment=...): the function ")
    assert text in message
    assert "\n" not in message


def test_the_error_of_the_function_is_the_cause():
    with pytest.raises(TrainingError) as caught:
        augmentation(failing).apply(IMAGE, 0)
    assert isinstance(caught.value.__cause__, KeyError)


def draws_from_numpy(image, generator):
    return image ^ np.random.randint(0, 4, image.shape).astype(np.uint8)


def draws_from_python(image, generator):
    return image ^ np.uint8(random.randrange(256))


def draws_from_torch(image, generator):
    torch = sys.modules["torch"]
    return image ^ torch.randint(0, 4, image.shape, dtype=torch.uint8).numpy()


@pytest.mark.parametrize("function", [draws_from_numpy, draws_from_python, draws_from_torch])
def test_draws_from_a_global_generator_are_found(function):
    pytest.importorskip("torch")
    augmented = augmentation(function)
    cure = r"gives two results for one image and equal generators; draw from the generator that"
    with pytest.raises(TrainingError, match=cure):
        [augmented.apply(IMAGE, seed) for seed in range(3)]


def test_the_first_images_are_checked_and_then_one_in_many():
    calls = []

    def counted(image, generator):
        calls.append(image)
        return image

    augmented = augmentation(counted)
    counts = []
    for seed in range(3 * CHECKED_LATER):
        before = len(calls)
        augmented.apply(IMAGE, seed)
        counts.append(len(calls) - before)
    assert counts[:CHECKED_FIRST] == [2] * CHECKED_FIRST
    assert sum(counts[CHECKED_FIRST:]) == len(counts) - CHECKED_FIRST + 3
    assert counts[2 * CHECKED_LATER - 1] == 2


def test_threads_count_every_image_once():
    calls = []

    def counted(image, generator):
        calls.append(1)
        return image

    augmented = augmentation(counted)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: augmented.apply(IMAGE, seed), range(CHECKED_LATER * 4)))
    assert len(calls) == CHECKED_LATER * 4 + CHECKED_FIRST + 4


def test_an_interrupt_is_no_fault_of_the_function():
    def interrupted(image, generator):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augmentation(interrupted).apply(IMAGE, 0)
