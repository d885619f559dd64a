"""Recipes: what users give, how it is named in cache keys, and every mistake in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from deelish.errors import DataError
from deelish.images.augmentation.kinds import KINDS
from deelish.images.augmentation.parsing import augmentation_of


def same(image, generator):
    return image


def other(image, generator):
    return 255 - image


def test_none_and_an_empty_list_are_no_augmentation():
    assert augmentation_of(None) is None
    assert augmentation_of([]) is None


def test_one_item_is_a_list_of_one():
    for item in ("rand_augment", {"name": "blur", "p": 1}, {"function": same, "key": "v1"}):
        assert augmentation_of(item).to_bytes() == augmentation_of((item,)).to_bytes()


def test_a_name_alone_has_the_published_defaults():
    published = [
        "random_resized_crop",
        "horizontal_flip",
        "vertical_flip",
        "color_jitter",
        "blur",
        "rand_augment",
        "trivial_augment",
        "random_erasing",
    ]
    spelled = [
        {"name": "random_resized_crop", "scale": [0.08, 1.0], "ratio": (3 / 4, 4 / 3)},
        {"name": "horizontal_flip", "p": 0.5},
        {"name": "vertical_flip", "p": 0.5},
        {
            "name": "color_jitter",
            "brightness": 0.4,
            "contrast": 0.4,
            "saturation": 0.4,
            "hue": 0,
            "p": 1,
        },
        {"name": "blur", "sigma": (0.1, 2.0), "p": 0.5},
        {"name": "rand_augment", "operations": 2, "magnitude": 9, "bins": 31},
        {"name": "trivial_augment", "bins": 31},
        {"name": "random_erasing", "p": 0.5, "scale": (0.02, 1 / 3), "ratio": (0.3, 3.3)},
    ]
    assert augmentation_of(published).to_bytes() == augmentation_of(spelled).to_bytes()
    assert augmentation_of(published).digest == augmentation_of(spelled).digest


# For each option, another value than the default.
CHANGED = {
    "p": 0.25,
    "scale": (0.2, 0.9),
    "ratio": (0.5, 2),
    "brightness": 0.8,
    "contrast": (1, 2),
    "saturation": 0,
    "hue": 0.1,
    "sigma": (0.1, 2.1),
    "operations": 3,
    "magnitude": 8,
    "bins": 11,
}


def test_every_changed_option_changes_the_digest():
    recipes = [[name] for name in KINDS]
    recipes += [
        [dict(name=name, **{option: CHANGED[option]})]
        for name, kind in KINDS.items()
        for option in kind.options
    ]
    recipes += [["grey", "blur"], ["blur", "grey"], ["grey", "grey"]]
    recipes += [[{"function": same, "key": "v1"}], [{"function": same, "key": "v2"}]]
    digests = [augmentation_of(recipe).digest for recipe in recipes]
    assert len(set(digests)) == len(recipes)
    assert {len(digest) for digest in digests} == {16}


def test_the_key_names_a_function_and_not_its_code():
    first, second = (augmentation_of({"function": f, "key": "v1"}) for f in (same, other))
    assert first.digest == second.digest


def test_the_repr_says_every_option():
    recipe = ["random_resized_crop", {"name": "blur", "p": 1}, {"function": same, "key": "v1"}]
    assert repr(augmentation_of(recipe)) == (
        "random_resized_crop(scale=(0.08, 1), ratio=(0.75, 1.333)), blur(sigma=(0.1, 2), p=1),"
        " function(key='v1')"
    )


def test_the_crop_may_be_anywhere_and_changes_no_pixel_itself():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    alone = augmentation_of("random_resized_crop")
    np.testing.assert_array_equal(alone.apply(image, 5), image)
    last = augmentation_of(["rand_augment", "random_resized_crop"])
    left, top, right, bottom = last.box(400, 300, 5)
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    assert augmentation_of("rand_augment").box(400, 300, 5) is None
    np.testing.assert_array_equal(
        last.apply(image, 5), augmentation_of("rand_augment").apply(image, 5)
    )


WRONG = {
    "colour_jitter": "there is no 'colour_jitter'; did you mean 'color_jitter'",
    "ColorJitter": "did you mean 'color_jitter'",
    "gray": "there is no 'gray'; did you mean 'grey'",
    "RandomGrayscale": "deelish calls it 'grey'",
    "RandAugment": "there is no 'RandAugment'; deelish calls it 'rand_augment'",
    "TrivialAugmentWide": "deelish calls it 'trivial_augment'",
    "RandomResizedCrop": "did you mean 'random_resized_crop'",
    "hflip": "deelish calls it 'horizontal_flip'",
    "GaussianBlur": "deelish calls it 'blur'",
    "cutout": "deelish calls it 'random_erasing'",
    "rand-m9-mstd0.5": "there is no 'rand-m9-mstd0.5'; the nearest are",
    "mixup": "'mixup' mixes two images; give mix='mixup' instead",
    "": "there is no ''",
}


@pytest.mark.parametrize("name", WRONG)
def test_another_name_is_refused_with_the_nearest(name):
    refused(name, WRONG[name])
    refused(["grey", {"name": name}], WRONG[name])


def refused(given, text):
    with pytest.raises(DataError) as caught:
        augmentation_of(given)
    message = str(caught.value)
    assert message.startswith("InputBatch(augment=...): ")
    assert text in message, message
    assert "\n" not in message
    assert len(message) < 300


PAIRS = [0.5, (0.5,), (0.9, 0.1), (0, 1, 2), ("a", "b"), (float("nan"), 1), None]
OPTIONS = {
    "p": [-0.1, 1.5, "half", None, True, float("nan"), (0, 1)],
    "scale": [*PAIRS, (0, 1), (0.5, 1.1)],
    "ratio": [*PAIRS, (0, 1), (1, float("inf"))],
    "brightness": [-1, "x", (-1, 1), (2, 1), float("inf"), 1e300, None],
    "hue": [0.6, -0.1, (-0.6, 0), (0.2, 0.1), "red"],
    "sigma": [*PAIRS, (-1, 2)],
    "operations": [0, -1, 1.5, True, "2"],
    "magnitude": [-1, 31, 1.0, None],
    "bins": [1, 0, 2.5, False],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_values_outside_their_range_are_refused(option):
    name = next(name for name, kind in KINDS.items() if option in kind.options)
    for value in OPTIONS[option]:
        refused(dict(name=name, **{option: value}), f"{option}= of {name} is {value!r}; ")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"name": "grey", "probability": 1},
            "grey has no option 'probability'; deelish calls it p=",
        ),
        ({"name": "rand_augment", "num_ops": 3}, "deelish calls it operations="),
        ({"name": "rand_augment", "magnitud": 3}, "did you mean magnitude="),
        ({"name": "color_jitter", "colour": 1}, "color_jitter has no option 'colour'; "),
        ({"name": "rand_augment", "bins": 5}, "is 9; with bins=5 give a whole number from 0 to 4"),
        ({"p": 0.5}, "{'p': 0.5} has no name; give a name, dict(name=..., its options), or"),
        ({"name": 3}, "name= is 3; give one of random_resized_crop, "),
        (7, "7 is no augmentation; give a name, "),
        ([["grey"]], "['grey'] is no augmentation; "),
        ([None], "None is no augmentation"),
        (same, "the function same has no key; give dict(function=f, key='v1')"),
        ({"function": same}, "the function same has no key"),
        ({"function": same, "key": ""}, "the function same has the key ''"),
        ({"function": same, "key": 3}, "has the key 3"),
        ({"function": "same", "key": "v1"}, "function= is 'same'; give a function of"),
        ({"function": same, "key": "v1", "p": 0.5}, "a function has no option 'p'; "),
        (["random_resized_crop", "grey", "random_resized_crop"], "is given 2 times; a view is one"),
    ],
)
def test_every_other_mistake_is_one_sentence(given, text):
    refused(given, text)


def test_a_transform_of_torchvision_is_no_function_of_ours():
    v2 = pytest.importorskip("torchvision.transforms.v2")
    refused(v2.RandAugment(), "the function RandAugment has no key")
