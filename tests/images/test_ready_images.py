"""Images in memory, resized where they need it: batches as without the cache, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from deelish.errors import DataError
from deelish.images.augmentation.parsing import augmentation_of
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.ready_images import ReadyImages
from deelish.plan.rendering import Rendering

RENDERING, SMALLER = Rendering(32, 32), Rendering(28, 32)
COUNT = 12


@pytest.fixture(params=[(32, 32), (28, 28), (50, 40)], ids=["as large", "smaller", "larger"])
def small(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (*request.param, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(f"{number}.png")
    (tmp_path / "list.txt").write_text("".join(f"{n}.png {n}\n" for n in range(COUNT)))
    return tmp_path / "list.txt"


def batches_of(source, epochs, renderings, training=True, **options):
    """All that batches hold: pixels, labels, keys, views."""
    loader = Loader(read_samples(source), batch_size=5, seed=9, read_options=ReadOptions(**options))
    loader.renderings.update(renderings)
    found = []
    for epoch in epochs:
        for batch in loader.batches(epoch, training):
            pixels = [batch.pixels(each).copy() for each in renderings]
            found.append((pixels, batch.labels.tolist(), batch.keys, batch.views))
    return found


WAYS = {
    "fresh": {},
    "padded": {"padding": 3 / 32},
    "alternate": {"mirror": "alternate", "padding": 2 / 32},
    "never mirrored": {"mirror": False},
    "recorded": {"views": 2, "padding": 2 / 32},
    "the centre": {"views": "centre"},
    "mixed": {"mix": "mixup"},
    "augmented": {"augmentation": augmentation_of(["color_jitter", "horizontal_flip"])},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
@pytest.mark.parametrize("renderings", [[RENDERING], [RENDERING, SMALLER]], ids=["one", "two"])
@pytest.mark.parametrize("training", [True, False])
def test_batches_are_the_same_without_a_cache(small, way, renderings, training):
    plain = batches_of(small, (1, 2, 3), renderings, training, **way)
    ready = batches_of(small, (1, 2, 3), renderings, training, **way, cache=MemoryCache())
    for first, second in zip(plain, ready, strict=True):
        for one, other in zip(first[0], second[0], strict=True):
            np.testing.assert_array_equal(one, other)
        assert first[1] == second[1]
        np.testing.assert_array_equal(first[2], second[2])
        assert first[3] == second[3]


def test_images_are_ready_once_they_are_in_memory(small):
    samples, cache = read_samples(small), MemoryCache()
    ready = ReadyImages(samples, cache)
    assert ready.of([0, 1], [RENDERING]) is None
    loader = Loader(samples, batch_size=5, seed=9, read_options=ReadOptions(cache=cache))
    loader.renderings.add(RENDERING)
    list(loader.batches(1, training=True))
    for index, (_, image) in enumerate(ready.of([0, 1, 11], [RENDERING, SMALLER])):
        assert image.pixels.shape == (32, 32, 3), index
    # Two resizes.
    assert ready.of([0], [RENDERING, Rendering(32, 36)]) is None


@pytest.mark.parametrize("small", [(50, 40)], indirect=True)
def test_images_that_keep_their_aspect_are_not_ready(small):
    samples, cache = read_samples(small), MemoryCache()
    rendering = Rendering(32, 32, "center")
    batches_of(small, (1,), [rendering], cache=cache)
    assert ReadyImages(samples, cache).of([0], [rendering]) is None
    # Of one size, and resized in two ways.
    assert ReadyImages(samples, cache).of([0], [RENDERING, rendering]) is None
    assert ReadyImages(samples, cache).of([0], [RENDERING]) is not None


@pytest.mark.parametrize("small", [(28, 28)], indirect=True)
def test_resized_images_take_no_more_memory_than_there_is(small):
    samples, room = read_samples(small), COUNT * 28 * 28 * 3
    cache = MemoryCache(limit=room + 3 * 32 * 32 * 3)
    batches_of(small, (1,), [RENDERING], cache=cache)
    # Another reader of the same images takes no more.
    for _ in range(2):
        ready = ReadyImages(samples, cache)
        held = [number for number in range(COUNT) if ready.of([number], [RENDERING]) is not None]
        assert held == [0, 1, 2]
    plain, cached = (batches_of(small, (1, 2), [RENDERING], cache=each) for each in (None, cache))
    for first, second in zip(plain, cached, strict=True):
        np.testing.assert_array_equal(first[0], second[0])


def test_other_images_are_read_one_by_one(small, tmp_path):
    Image.new("RGB", (32, 40)).save("3.png")
    for cache in (MemoryCache(), DiskCache(tmp_path / "cache")):
        plain = batches_of(small, (1, 2), [RENDERING])
        cached = batches_of(small, (1, 2), [RENDERING], cache=cache)
        for first, second in zip(plain, cached, strict=True):
            np.testing.assert_array_equal(first[0], second[0])


def test_a_bad_image_is_reported_in_every_epoch(small):
    (small.parent / "4.png").write_bytes(b"<html>")
    with pytest.raises(DataError, match="line 5"):
        batches_of(small, (1,), [RENDERING], cache=MemoryCache())
