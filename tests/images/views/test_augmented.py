"""Augmented views: cut, then changed, the same at every size and in every run; keys name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import decoded
from PIL import Image

from deelish.errors import DataError, TrainingError
from deelish.images.augmentation.parsing import augmentation_of
from deelish.images.cache.memory import MemoryCache
from deelish.images.decoding.decode import decode
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.batch_entry import SampleView
from deelish.images.views.view import View
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

SMALL, LARGE = Rendering(24, 32), Rendering(48, 56)


def noise_of(image, generator):
    return image ^ generator.integers(0, 4, image.shape, dtype=np.uint8)


RECIPES = {
    "crop": "random_resized_crop",
    "flip": "horizontal_flip",
    "jitter": {"name": "color_jitter", "hue": 0.2},
    "rand": "rand_augment",
    "all": [
        "trivial_augment",
        "random_resized_crop",
        "vertical_flip",
        "grey",
        {"name": "blur", "p": 1},
        {"function": noise_of, "key": "noise"},
        "random_erasing",
    ],
}


def loader_of(source, augment, views=None, mix=None, cache=None, **options):
    augmentation = augmentation_of(augment)
    read_options = ReadOptions(views=views, mix=mix, cache=cache, augmentation=augmentation)
    facts = {"batch_size": 4, "seed": 5, "read_options": read_options}
    loader = Loader(read_samples(source), **facts | options)
    loader.renderings.add(SMALL)
    return loader


def shown(loader, epoch=1, training=True, rendering=SMALL):
    """Label of the image -> (pixels, key) of an epoch."""
    found = {}
    for batch in loader.batches(epoch, training):
        keys = [None] * len(batch) if batch.keys is None else [key.tobytes() for key in batch.keys]
        rows = zip(batch.entries, batch.pixels(rendering), keys, strict=True)
        found |= {entry.image.sample.label: (row.tobytes(), key) for entry, row, key in rows}
    return found


def expected(sample_view, augment, rendering):
    """The view of the whole image, and then the recipe."""
    image = np.asarray(decode(sample_view.sample.path))
    pixels = render(image, sample_view.view, rendering)
    return augmentation_of(augment).apply(pixels, sample_view.view.seed)


@pytest.mark.parametrize("views", [None, 2])
@pytest.mark.parametrize("name", RECIPES)
def test_a_view_is_cut_and_then_augmented_at_each_size(noise, name, views):
    for batch in loader_of(noise, RECIPES[name], views).batches(1, True):
        for rendering in (SMALL, LARGE):
            for entry, pixels in zip(batch.entries, batch.pixels(rendering), strict=True):
                np.testing.assert_array_equal(
                    pixels, expected(entry.image, RECIPES[name], rendering)
                )


@pytest.mark.parametrize("name", RECIPES)
def test_it_changes_what_is_shown(noise, name):
    plain, changed = shown(loader_of(noise, None, 2)), shown(loader_of(noise, RECIPES[name], 2))
    assert sum(plain[label][0] != changed[label][0] for label in range(9)) >= 3
    assert all(plain[label][1] != changed[label][1] for label in range(9))


@pytest.mark.parametrize("name", RECIPES)
def test_recorded_views_come_back_whatever_the_seed_and_differ_before(noise, name):
    first = loader_of(noise, RECIPES[name], 2)
    other = loader_of(noise, RECIPES[name], 2, seed=9, batch_size=7)
    assert shown(first, 1) == shown(first, 3) == shown(other, 5)
    second = shown(first, 2)
    assert all(second[label][1] != key for label, (_, key) in shown(first, 1).items())


def test_fresh_views_follow_the_seed_and_the_epoch(noise):
    recipe = RECIPES["all"]
    first = shown(loader_of(noise, recipe), 1)
    assert shown(loader_of(noise, recipe, batch_size=2), 1) == first
    for other in (shown(loader_of(noise, recipe), 2), shown(loader_of(noise, recipe, seed=6), 1)):
        assert all(other[label][0] != first[label][0] for label in range(9))


@pytest.mark.parametrize("views", [None, 2])
@pytest.mark.parametrize("mix", [None, "mixup", "cutmix"])
def test_threads_and_cached_images_change_nothing(noise, mix, views):
    alone = shown(loader_of(noise, RECIPES["all"], views, mix, workers=1), 2)
    assert shown(loader_of(noise, RECIPES["all"], views, mix, workers=7), 2) == alone
    cached = loader_of(noise, RECIPES["all"], views, mix, MemoryCache())
    assert [shown(cached, 2), shown(cached, 2)] == [alone, alone]


@pytest.mark.parametrize("views", [None, 2])
def test_validation_is_as_without(noise, views):
    plain = shown(loader_of(noise, None, views), training=False)
    assert shown(loader_of(noise, RECIPES["all"], views), training=False) == plain


def test_mixtures_are_of_augmented_views(noise):
    for batch in loader_of(noise, RECIPES["all"], 2, "mixup").batches(1, True):
        for entry, pixels in zip(batch.entries, batch.pixels(LARGE), strict=True):
            mixture, partner = entry.mixed
            first, second = (
                expected(each, RECIPES["all"], LARGE).astype(float)
                for each in (entry.image, partner)
            )
            exact = mixture.ratio * first + (1 - mixture.ratio) * second
            assert np.abs(pixels - exact).max() < 0.5001


def test_an_image_and_a_partner_are_the_same_view(noise):
    """Mixed or not, an image of an epoch has one augmented view."""
    plain = [e.image for b in loader_of(noise, "blur").batches(1, True) for e in b.entries]
    mixed = [e for b in loader_of(noise, "blur", mix="mixup").batches(1, True) for e in b.entries]
    views = {image.sample.label: image.view for image in plain}
    assert all(views[e.image.sample.label] == e.image.view for e in mixed)
    assert all(views[e.mixed[1].sample.label] == e.mixed[1].view for e in mixed)


def test_every_option_changes_every_key(noise):
    recipes = [
        None,
        "grey",
        {"name": "grey", "p": 0.3},
        ["grey", "grey"],
        "random_resized_crop",
        {"name": "random_resized_crop", "scale": (0.1, 1)},
        {"function": noise_of, "key": "v1"},
        {"function": noise_of, "key": "v2"},
    ]
    keys = [{key for _, key in shown(loader_of(noise, recipe, 1)).values()} for recipe in recipes]
    assert len(set().union(*keys)) == 9 * len(recipes)


def test_a_crop_is_that_of_torchvision(noise):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    boxes = set()
    for batch in loader_of(noise, "random_resized_crop").batches(1, True):
        for entry, pixels in zip(batch.entries, batch.pixels(SMALL), strict=True):
            image, box = Image.fromarray(decode(entry.image.sample.path)), entry.image.view.box
            left, top, right, bottom = np.rint(np.array(box) * (image.size * 2)).astype(int)
            crop = functional.resized_crop(
                image, top, left, bottom - top, right - left, [24, 24], antialias=True
            )
            crop = np.asarray(crop)
            crop = crop[:, ::-1] if entry.image.view.mirror else crop
            assert np.abs(pixels.astype(int) - crop).max() <= 1
            boxes.add(box)
    assert len(boxes) == 9


def test_a_crop_is_one_box_of_the_file_at_whatever_scale_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:901, :1203]
    Image.fromarray(np.stack([x % 256, y % 256, x // 8], -1).astype(np.uint8)).save("0.jpg")
    Path("train.txt").write_text("0.jpg 0\n")
    views = set()
    for renderings in ([SMALL], [Rendering(224, 256)], [SMALL, Rendering(224, 256)], []):
        loader = loader_of("train.txt", "random_resized_crop", 1)
        loader.renderings = set(renderings)
        (batch,) = loader.batches(1, True)
        views.add((batch.views[0], batch.keys.tobytes()))
    ((view, _),) = views
    assert view.box == augmentation_of("random_resized_crop").box(1203, 901, view.seed)


def test_a_crop_decodes_each_image_once(tmp_path, monkeypatch):
    """Whole, and not at a reduced scale before that."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        Image.new("RGB", (900, 700), (number, 0, 0)).save(f"{number}.jpg")
    Path("train.txt").write_text("".join(f"{number}.jpg 0\n" for number in range(3)))
    files = decoded(monkeypatch)
    loader = loader_of("train.txt", "random_resized_crop", 1)
    loader.renderings.add(LARGE)
    list(loader.batches(1, True))
    assert sorted(files) == ["0.jpg", "1.jpg", "2.jpg"]


def test_another_seed_is_another_key_even_of_the_same_window(noise):
    """The seed decides what the recipe draws."""
    sample = read_samples(noise)[0]
    views = [View(seed, 0.5, 0.5, False) for seed in (1, 2)]
    for recipe, count in ((None, 1), (augmentation_of("grey"), 2)):
        names = {SampleView(sample, view, b"digest", recipe).to_bytes() for view in views}
        assert len(names) == count


@pytest.mark.parametrize("p", [0, 1])
def test_a_flip_by_name_takes_the_place_of_the_mirror(noise, p):
    recipe = {"name": "horizontal_flip", "p": p}
    for batch in loader_of(noise, recipe).batches(1, True):
        assert not any(view.mirror for view in batch.views)
        for entry, pixels in zip(batch.entries, batch.pixels(SMALL), strict=True):
            plain = render(np.asarray(decode(entry.image.sample.path)), entry.image.view, SMALL)
            np.testing.assert_array_equal(pixels, plain[:, ::-1] if p else plain)


@pytest.mark.parametrize("on_bad_image", ["raise", "skip"])
def test_a_fault_of_a_function_names_the_image_and_stops_the_training(noise, on_bad_image):
    recipe = {"function": lambda image, generator: image[1:], "key": "v1"}
    loader = loader_of(noise, recipe, on_bad_image=on_bad_image)
    with pytest.raises(
        TrainingError, match=r"^train.txt line \d: InputBatch\(augment=...\): the f"
    ):
        list(loader.batches(1, True))


def test_bad_images_are_skipped_as_without(noise):
    Path("6.png").write_bytes(b"<html>")
    loader = loader_of(noise, RECIPES["all"], on_bad_image="skip")
    assert sorted(shown(loader)) == [0, 1, 2, 3, 4, 5, 7, 8]
    with pytest.raises(DataError, match=r"^train.txt line 7: 6.png: this is no JPEG, PNG"):
        shown(loader_of(noise, RECIPES["all"]))
