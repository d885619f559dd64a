"""Batches decoded ahead: order, views, and bad images."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from deelish.errors import DataError
from deelish.images.decoding.decode import decode
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.view import View, view_seed
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

RENDERING = Rendering(24, 32)


def loader_of(source, **options):
    loader = Loader(read_samples(source), **{"batch_size": 4, "seed": 5, **options})
    loader.renderings.add(RENDERING)
    return loader


def labels_of(loader, epoch, training):
    return [batch.labels.tolist() for batch in loader.batches(epoch, training)]


def spoil(*names):
    for name in names:
        Path(name).write_bytes(b"<html>")


def test_validation_keeps_the_order_and_the_centre(source):
    batches = list(loader_of(source).batches(3, training=False))
    assert [batch.labels.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert batches[0].labels.dtype == np.int64
    expected = [
        render(np.asarray(decode(f"{i}.png")), View.centre(), RENDERING) for i in (8, 9, 10)
    ]
    np.testing.assert_array_equal(batches[2].pixels(RENDERING), expected)


def test_training_shows_each_image_once_in_its_own_view(source):
    batches = list(loader_of(source).batches(2, training=True))
    assert sorted(label for batch in batches for label in batch.labels) == list(range(11))
    for batch in batches:
        expected = [View.random(view_seed(5, 2, label)) for label in batch.labels.tolist()]
        assert batch.views == expected
        images = [np.asarray(decode(sample.path)) for sample in batch.samples]
        shown = [
            render(image, view, RENDERING) for image, view in zip(images, expected, strict=True)
        ]
        np.testing.assert_array_equal(batch.pixels(RENDERING), shown)


def test_order_and_views_depend_on_seed_and_epoch(source):
    first = labels_of(loader_of(source), 0, True)
    assert labels_of(loader_of(source), 0, True) == first
    assert labels_of(loader_of(source), 1, True) != first
    assert labels_of(loader_of(source, seed=6), 0, True) != first
    flat = list(chain.from_iterable(first))
    assert flat != sorted(flat)


def test_a_views_seed_does_not_depend_on_the_batch_size(source):
    def views(size):
        batches = loader_of(source, batch_size=size).batches(0, True)
        return {i.label: v for b in batches for i, v in zip(b.samples, b.views, strict=True)}

    assert views(4) == views(11)


def test_mirror_can_be_turned_off(source):
    batches = loader_of(source, read_options=ReadOptions(mirror=False)).batches(0, True)
    assert not any(view.mirror for batch in batches for view in batch.views)


@pytest.mark.parametrize("workers", [2, 7])
def test_workers_change_nothing(source, workers):
    spoil("4.png")
    alone = list(loader_of(source, workers=1, on_bad_image="skip").batches(1, True))
    several = list(loader_of(source, workers=workers, on_bad_image="skip").batches(1, True))
    for one, other in zip(alone, several, strict=True):
        assert (one.samples, one.views) == (other.samples, other.views)
        np.testing.assert_array_equal(one.pixels(RENDERING), other.pixels(RENDERING))


def test_a_new_size_is_rendered_now_and_then_ahead(source):
    loader = loader_of(source)
    batches = loader.batches(0, True)
    batch = next(batches)
    small = batch.pixels(Rendering(8, 10))
    expected = [
        render(np.asarray(decode(sample.path)), view, Rendering(8, 10))
        for sample, view in zip(batch.samples, batch.views, strict=True)
    ]
    np.testing.assert_array_equal(small, expected)
    assert batch.pixels(Rendering(8, 10)) is small
    next(batches)
    batches.close()
    ahead = next(loader.batches(0, True))
    spoil(*(str(sample.path) for sample in ahead.samples))
    np.testing.assert_array_equal(ahead.pixels(Rendering(8, 10)), expected)


def test_a_batch_outlives_its_epoch(source):
    batch, *_ = loader_of(source).batches(0, False)
    assert batch.pixels(Rendering(8, 8)).shape == (4, 8, 8, 3)


def test_a_bad_image_stops_with_its_line_and_name(source):
    spoil("6.png", "5.png")
    batches = loader_of(source).batches(0, False)
    assert next(batches).labels.tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match=r"^train.txt line 6: 5.png: this is no JPEG, PNG"):
        next(batches)


def test_a_bad_image_of_a_folder_is_named_once(source, tmp_path):
    (tmp_path / "set/cat").mkdir(parents=True)
    spoil("set/cat/x.png")
    loader = Loader(read_samples("set"), batch_size=1, seed=0)
    loader.renderings.add(RENDERING)
    with pytest.raises(DataError, match=r"^set/cat/x.png: this is no JPEG"):
        next(loader.batches(0, False))


def test_skip_leaves_bad_images_out_and_records_them_once(source):
    spoil("1.png", "8.png", "9.png", "10.png")
    loader = loader_of(source, on_bad_image="skip")
    for epoch in (0, 1):
        batches = list(loader.batches(epoch, training=False))
        assert [batch.labels.tolist() for batch in batches] == [[0, 2, 3], [4, 5, 6, 7]]
        assert len(batches[0].pixels(RENDERING)) == len(batches[0].views) == 3
    assert [sample.line for sample, _ in loader.skipped] == [2, 9, 10, 11]
    assert loader.skipped[0][1].startswith("train.txt line 2: 1.png: this is no JPEG")


def test_skip_keeps_the_other_images_views(source):
    whole = {v.seed for b in loader_of(source).batches(0, True) for v in b.views}
    spoil("3.png")
    loader = loader_of(source, on_bad_image="skip")
    rest = {v.seed for b in loader.batches(0, True) for v in b.views}
    assert whole - rest == {view_seed(5, 0, 3)}


def test_skip_stops_when_every_image_is_bad(source):
    spoil(*(f"{index}.png" for index in range(11)))
    message = "train.txt: none of its 11 images can be used (the first: train.txt line 1: 0.png:"
    with pytest.raises(DataError, match=re.escape(message)):
        list(loader_of(source, on_bad_image="skip").batches(0, False))


@pytest.mark.parametrize(("size", "count"), [(1, 11), (4, 3), (11, 1), (100, 1)])
def test_length_is_the_number_of_batches(source, size, count):
    loader = loader_of(source, batch_size=size)
    assert len(loader) == count == len(list(loader.batches(0, True)))


def test_a_size_that_was_not_prepared_is_rendered_on_request(source):
    batch = next(Loader(read_samples(source), batch_size=2, seed=0).batches(0, False))
    expected = [render(np.asarray(decode(f"{i}.png")), View.centre(), RENDERING) for i in (0, 1)]
    np.testing.assert_array_equal(batch.pixels(RENDERING), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0 and seed is 5; give a batch_size of 1 or more"),
        ({"seed": -1}, "seed is -1; give a batch_size of 1 or more and a seed of 0 or more"),
        ({"on_bad_image": "stop"}, "on_bad_image is 'stop'; give 'raise', 'skip' or 'replace'"),
        ({"workers": 0}, "workers is 0; give 1 or more, or leave it out"),
    ],
)
def test_options_that_cannot_work(source, options, message):
    with pytest.raises(DataError, match=message):
        loader_of(source, **options)


def test_an_empty_list():
    with pytest.raises(DataError, match="the list of images is empty"):
        Loader([], batch_size=1, seed=0)
