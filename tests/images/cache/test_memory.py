"""Cached images: the same batches to the bit, nothing decoded twice, the limit, bad images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import decoded, epochs, loader_of
from PIL import Image

from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.plan.rendering import Rendering

AUGMENTATIONS = (
    {},
    {"views": 2},
    {"views": "centre"},
    {"mix": "mixup"},
    {"mix": "cutmix", "views": 2},
)


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    return MemoryCache() if request.param == "memory" else DiskCache(tmp_path / "cache")


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_batches_are_the_same_to_the_bit_with_and_without(augmentation, cache, noise):
    assert epochs(loader_of(noise, cache, **augmentation)) == epochs(
        loader_of(noise, **augmentation)
    )


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
def test_each_image_is_decoded_once(augmentation, cache, noise, monkeypatch):
    seen = decoded(monkeypatch)
    epochs(loader_of(noise, cache, workers=1, **augmentation))
    assert sorted(seen) == [f"{index}.png" for index in range(9)]
    assert cache.summary(9).startswith("decoded images: 9 cached ")


def test_orientation_grey_and_transparency_are_cached_as_decoded(cache, noise):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open("0.png").save("turned.jpg", exif=exif)
    Image.linear_gradient("L").save("grey.png")
    Image.merge("LA", [Image.linear_gradient("L")] * 2).save("clear.png")
    Path("odd.txt").write_text("turned.jpg 0\ngrey.png 1\nclear.png 2\n")
    assert epochs(loader_of("odd.txt", cache)) == epochs(loader_of("odd.txt"))


def test_lists_may_share_a_cache(cache, noise, monkeypatch):
    epochs(loader_of(noise, cache))
    seen = decoded(monkeypatch)
    Path("val.txt").write_text("3.png 0\n5.png 1\n")
    assert epochs(loader_of("val.txt", cache), training=False) == epochs(
        loader_of("val.txt"), training=False
    )
    assert len(seen) == 4  # those of the loader without


def test_a_new_size_is_cut_without_decoding(cache, noise, monkeypatch):
    loader = loader_of(noise, cache, views=2)
    batch = next(loader.batches(1, True))
    expected = next(loader_of(noise, views=2).batches(1, True)).pixels(Rendering(8, 10))
    seen = decoded(monkeypatch)
    np.testing.assert_array_equal(batch.pixels(Rendering(8, 10)), expected)
    assert seen == []


def test_a_bad_image_is_not_cached_and_reported_as_before(cache, noise):
    Path("4.png").write_bytes(b"<html>")
    cached = loader_of(noise, cache, on_bad_image="skip")
    plain = loader_of(noise, on_bad_image="skip")
    assert epochs(cached) == epochs(plain)
    assert [reason for _, reason in cached.skipped] == [reason for _, reason in plain.skipped]
    assert cache.count == 8


def test_an_image_that_was_mended_is_shown(cache, noise):
    whole = Path("4.png").read_bytes()
    Path("4.png").write_bytes(b"<html>")
    loader = loader_of(noise, cache, on_bad_image="skip")
    epochs(loader)
    Path("4.png").write_bytes(whole)
    assert epochs(loader) == epochs(loader_of(noise))


def test_an_image_that_changes_meanwhile_is_seen_as_it_was(cache, noise):
    loader = loader_of(noise, cache, views=2)
    before = epochs(loader)
    Image.new("RGB", (40, 40), "red").save("4.png")
    assert epochs(loader) == before


def test_memory_is_limited_and_the_summary_says_so(noise, monkeypatch):
    sizes = [3 * (30 + index) * (50 - index) for index in range(9)]
    cache = MemoryCache(limit=sum(sizes[:3]) + 100)
    loader = loader_of(noise, cache, workers=1)
    loader.renderings.clear()
    list(loader.batches(0, False))
    seen = decoded(monkeypatch)
    list(loader.batches(0, False))
    assert seen == [f"{index}.png" for index in range(3, 9)]
    assert (cache.count, cache.bytes) == (3, sum(sizes[:3]))
    assert cache.summary(9) == (
        "decoded images: 3 cached in memory (13.7 kB, the limit); 6 are decoded again in every"
        " epoch"
    )


def test_the_limit_is_half_of_what_is_free(monkeypatch, noise):
    monkeypatch.setattr("deelish.images.cache.memory.free_memory", lambda: 9200)
    cache = MemoryCache()
    epochs(loader_of(noise, cache, workers=1), training=False)
    assert (cache.count, cache.bytes, cache.full) == (1, 4500, True)


def test_resized_images_take_room_from_the_others(noise):
    cache, made = MemoryCache(limit=10_000), []

    def resize():
        made.append(np.zeros((40, 25, 3), np.uint8))
        return made[-1]

    # As often as it is asked for, by any reader: once.
    for _ in range(3):
        assert cache.resized(Path("a.png"), "squash", resize) is made[0]
    assert len(made) == 1
    assert cache.resized(Path("a.png"), "other", resize) is made[1]
    epochs(loader_of(noise, cache, workers=1), training=False)
    # 6,000 bytes are taken, and the first image has 4,500.
    assert (cache.count, cache.bytes, cache.full) == (0, 0, True)
    assert cache.resized(Path("b.png"), "squash", resize) is made[2]
    assert cache.resized(Path("c.png"), "squash", resize) is None
    # Nothing is resized in vain after that, and what is there stays.
    assert cache.resized(Path("d.png"), "squash", resize) is None
    assert len(made) == 4
    assert cache.resized(Path("a.png"), "squash", resize) is made[0]


def test_the_summary_of_all_images_is_one_plain_line(noise):
    cache = MemoryCache()
    epochs(loader_of(noise, cache))
    total = sum(3 * (30 + index) * (50 - index) for index in range(9))
    assert cache.summary(9) == f"decoded images: 9 cached in memory, {total / 1000:.1f} kB"
