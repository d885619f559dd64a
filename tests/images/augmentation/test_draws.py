"""What is drawn: published ranges and distributions, the same at every size and in every run."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deelish.images.augmentation.parsing import augmentation_of

# Four standard deviations of a fraction in so many draws are at most 0.04.
MANY = 2500


def drawn(item, count=MANY):
    """The operations of an item for views of many seeds."""
    (named,) = augmentation_of(item).items
    return [named.operations(seed, 0) for seed in range(count)]


def values_of(lists, name):
    return np.array([each.values[0] for row in lists for each in row if each.name == name])


@pytest.mark.parametrize(
    ("name", "operation", "p"),
    [
        ("horizontal_flip", "mirror", 0.5),
        ("vertical_flip", "flip", 0.5),
        ("grey", "grey", 0.2),
        ("blur", "blur", 0.5),
        ("random_erasing", "erase", 0.5),
    ],
)
def test_an_item_is_applied_with_its_probability(name, operation, p):
    assert np.mean([len(row) for row in drawn(name)]) == pytest.approx(p, abs=0.04)
    assert {each.name for row in drawn(name) for each in row} == {operation}
    assert all(drawn({"name": name, "p": 1}, 300))
    assert not any(drawn({"name": name, "p": 0}, 300))


def test_a_blur_is_even_in_its_range():
    sigma = values_of(drawn("blur"), "blur")
    assert 0.1 <= sigma.min() < 0.15
    assert 1.95 < sigma.max() <= 2
    assert sigma.mean() == pytest.approx(1.05, abs=0.06)


def test_color_jitter_draws_even_factors_in_any_order():
    rows = drawn({"name": "color_jitter", "hue": 0.1})
    for name in ("brightness", "contrast", "saturation"):
        factors = values_of(rows, name)
        assert len(factors) == MANY
        assert factors.min() == pytest.approx(0.6, abs=0.01)
        assert factors.max() == pytest.approx(1.4, abs=0.01)
        assert factors.mean() == pytest.approx(1, abs=0.02)
    turns = values_of(rows, "hue")
    assert (turns.min(), turns.max()) == pytest.approx((-0.1, 0.1), abs=0.002)
    orders = Counter(tuple(each.name for each in row) for row in rows)
    assert len(orders) == 24
    assert max(orders.values()) < 1.6 * MANY / 24


def test_color_jitter_leaves_out_what_has_no_range_and_takes_pairs():
    assert {each.name for row in drawn("color_jitter", 50) for each in row} == {
        "brightness",
        "contrast",
        "saturation",
    }
    rows = drawn(
        {"name": "color_jitter", "brightness": (1.5, 2), "contrast": 0, "saturation": [0, 0]}, 200
    )
    assert {each.name for row in rows for each in row} == {"brightness", "saturation"}
    factors = values_of(rows, "brightness")
    assert factors.min() >= 1.5
    assert factors.max() <= 2
    assert set(values_of(rows, "saturation")) == {0}


def test_a_jitter_above_one_begins_at_zero():
    factors = values_of(drawn({"name": "color_jitter", "brightness": 3}), "brightness")
    assert 0 <= factors.min() < 0.1
    assert 3.9 < factors.max() <= 4


# torchvision's names of what is called otherwise here.
NAMES = {"Color": "saturation", "ShearX": "shear_x", "ShearY": "shear_y"} | {
    f"Translate{axis}": f"translate_{axis.lower()}" for axis in "XY"
}
FACTORS = ("brightness", "saturation", "contrast", "sharpness")


def published(transform, magnitude):
    """The values of torchvision's table at 224 pixels, in our units; None without a value."""
    found = {}
    for theirs, (magnitudes, signed) in transform._AUGMENTATION_SPACE.items():
        name, values = NAMES.get(theirs, theirs.lower()), magnitudes(31, 224, 224)
        if values is None:
            found[name] = None
            continue
        value = float(values[magnitude])
        value = value / 224 if "translate" in name else value
        value = value * 255 if name == "solarize" else value
        start = 1 if name in FACTORS else 0
        found[name] = sorted({start - value, start + value}) if signed else [value]
    return found


def compare(rows, table):
    counts = Counter(each.name for row in rows for each in row)
    assert set(counts) == set(table)
    total = sum(counts.values())
    for name, expected in table.items():
        assert counts[name] / total == pytest.approx(1 / 14, rel=0.3), name
        if expected is None:
            assert all(not each.values for row in rows for each in row if each.name == name)
            continue
        got = values_of(rows, name)
        got = np.rint(got) if name == "posterize" else got
        np.testing.assert_allclose(sorted(set(np.round(got, 6))), expected, atol=1e-4)
        if len(expected) == 2:
            assert np.mean(got == got.min()) == pytest.approx(0.5, abs=0.12), name


@pytest.mark.parametrize("magnitude", [5, 9, 30])
def test_rand_augment_has_torchvisions_table(magnitude):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    rows = drawn({"name": "rand_augment", "magnitude": magnitude})
    assert {len(row) for row in rows} == {2}
    compare(rows, published(v2.RandAugment(), magnitude))


def test_trivial_augment_has_torchvisions_table_and_any_magnitude():
    v2 = pytest.importorskip("torchvision.transforms.v2")
    rows = drawn("trivial_augment", 12_000)
    assert {len(row) for row in rows} == {1}
    tables = [published(v2.TrivialAugmentWide(), magnitude) for magnitude in range(31)]
    for name in tables[0]:
        if tables[0][name] is None:
            assert name in {row[0].name for row in rows}
            continue
        values = values_of(rows, name)
        values = np.rint(values) if name == "posterize" else values
        allowed = sorted({round(value, 4) for table in tables for value in table[name]})
        found = Counter(np.round(values, 4) + 0.0)
        np.testing.assert_allclose(sorted(found), allowed, atol=2e-4)


def test_random_erasing_has_boxes_of_its_area_and_ratio():
    rows = drawn({"name": "random_erasing", "p": 1})
    left, top, right, bottom = np.array([row[0].values for row in rows if row]).T
    assert min(left.min(), top.min()) >= 0
    assert max(right.max(), bottom.max()) <= 1
    area, ratio = (right - left) * (bottom - top), (right - left) / (bottom - top)
    assert area.min() == pytest.approx(0.02, abs=0.002)
    assert area.max() == pytest.approx(1 / 3, abs=0.005)
    assert ratio.min() == pytest.approx(0.3, abs=0.02)
    assert ratio.max() == pytest.approx(3.3, abs=0.2)
    assert len(left) == MANY
    # Even in its free margin.
    assert np.mean(left / (1 - (right - left))) == pytest.approx(0.5, abs=0.03)
    assert np.mean(top / (1 - (bottom - top))) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("width", "height"), [(500, 375), (224, 224), (300, 900)])
def test_the_crop_is_distributed_as_torchvisions(width, height):
    v2 = pytest.importorskip("torchvision.transforms.v2")
    import torch

    crop = v2.RandomResizedCrop(224)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        image = torch.empty(3, height, width)
        theirs = [crop.make_params([image]) for _ in range(MANY)]
    expected = np.array([[p["left"], p["top"], p["width"], p["height"]] for p in theirs])
    boxes = boxes_of("random_resized_crop", width, height)
    ours = boxes * [width, height, width, height]
    ours[:, 2:] -= ours[:, :2]
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    for column in range(4):
        spread = expected[:, column].std()
        np.testing.assert_allclose(
            np.quantile(ours[:, column], quantiles),
            np.quantile(expected[:, column], quantiles),
            atol=0.15 * spread + 1,
        )


def boxes_of(item, width, height, count=MANY):
    augmentation = augmentation_of(item)
    return np.array([augmentation.box(width, height, seed) for seed in range(count)])


@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (100, 1000, (0, 0.5 - 1 / 15, 1, 0.5 + 1 / 15)),
        (1000, 100, (0.5 - 1 / 15, 0, 0.5 + 1 / 15, 1)),
        (100, 100, (0, 0, 1, 1)),
    ],
)
def test_a_crop_that_never_fits_is_the_largest_centre(width, height, box):
    item = {"name": "random_resized_crop", "scale": (1, 1)}
    boxes = boxes_of(item, width, height, 20)
    np.testing.assert_allclose(boxes, np.broadcast_to(box, (20, 4)), atol=1e-12)


def test_a_crop_keeps_the_scale_and_the_ratio_it_is_given():
    item = {"name": "random_resized_crop", "scale": (0.3, 0.4), "ratio": (1, 2)}
    left, top, right, bottom = boxes_of(item, 400, 300).T
    area, ratio = (right - left) * (bottom - top), (right - left) * 4 / ((bottom - top) * 3)
    assert area.min() >= 0.3 - 1e-9
    assert area.max() <= 0.4 + 1e-9
    assert ratio.min() >= 1 - 1e-9
    assert ratio.max() <= 2 + 1e-9
    assert min(left.min(), top.min()) >= 0
    assert max(right.max(), bottom.max()) <= 1


RECIPE = [
    "random_resized_crop",
    "horizontal_flip",
    {"name": "color_jitter", "hue": 0.1},
    "rand_augment",
    "blur",
    {
        "function": lambda image, generator: image + generator.integers(0, 9, 3).astype("u1"),
        "key": "k",
    },
    "trivial_augment",
    "random_erasing",
]


def picture(size=48):
    return np.random.default_rng(3).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_a_seed_gives_the_same_at_every_call_and_in_threads():
    seeds = list(range(48))
    augmentation = augmentation_of(RECIPE)
    expected = [augmentation.apply(picture(), seed) for seed in seeds]
    assert len({pixels.tobytes() for pixels in expected}) == len(seeds)
    again = augmentation_of(RECIPE)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda seed: again.apply(picture(), seed), seeds[::-1]))
    np.testing.assert_array_equal(results[::-1], expected)


def test_no_global_generator_is_used_or_moved():
    import torch

    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    before = states()
    augmentation = augmentation_of(RECIPE)
    for seed in range(20):
        augmentation.apply(picture(), seed)
        augmentation.box(400, 300, seed)
    assert states() == before


def test_what_one_item_draws_does_not_depend_on_another():
    """Other options of the first item: the second does the same as before."""
    for first in ("grey", {"name": "grey", "p": 0}, "rand_augment", "random_erasing"):
        second = augmentation_of([first, "trivial_augment"]).items[1]
        alone = augmentation_of(["blur", "trivial_augment"]).items[1]
        assert [second.operations(seed, 1) for seed in range(99)] == [
            alone.operations(seed, 1) for seed in range(99)
        ]


def test_two_of_a_kind_draw_apart():
    first, second = augmentation_of(["trivial_augment", "trivial_augment"]).items
    same = [first.operations(seed, 0) == second.operations(seed, 1) for seed in range(500)]
    assert np.mean(same) < 0.1


def test_every_size_gets_the_same_picture():
    """A large and a small rendering of one image stay alike under the same seed."""
    y, x = np.mgrid[:256, :256] / 256
    large = np.stack([255 * x, 255 * y, 255 * (x - 0.5) ** 2 + 90 * y], -1).astype(np.uint8)
    small = large.reshape(64, 4, 64, 4, 3).mean((1, 3)).round().astype(np.uint8)
    augmentation = augmentation_of(["rand_augment", "color_jitter", "horizontal_flip", "blur"])
    apart, unlike = [], []
    for seed in range(60):
        shrunk = augmentation.apply(large, seed).reshape(64, 4, 64, 4, 3).mean((1, 3))
        apart.append(np.abs(shrunk - augmentation.apply(small, seed)).mean())
        unlike.append(np.abs(shrunk - augmentation.apply(small, seed + 1)).mean())
    assert np.median(apart) < 3
    assert np.median(unlike) > 20
