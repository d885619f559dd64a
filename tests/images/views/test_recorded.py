"""Recorded views: they depend on the content of a file and the number of the view alone."""

from __future__ import annotations

import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deelish.errors import DataError
from deelish.images.decoding.decode import decode
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.view import View, view_seed
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

RENDERING = Rendering(24, 32)


def loader_of(source, views=3, **options):
    facts = {"batch_size": 4, "seed": 5, "read_options": ReadOptions(views=views)}
    return Loader(read_samples(source), **facts | options)


def shown(loader, epoch=1, training=True):
    """Label -> (pixels, key) of an epoch."""
    found = {}
    for batch in loader.batches(epoch, training):
        keys = [None] * len(batch) if batch.keys is None else [key.tobytes() for key in batch.keys]
        for sample, pixels, key in zip(batch.samples, batch.pixels(RENDERING), keys, strict=True):
            found[sample.label] = (pixels.tobytes(), key)
    return found


def test_views_come_back_after_as_many_epochs_and_differ_before(noise):
    loader = loader_of(noise, views=3)
    epochs = [shown(loader, epoch) for epoch in range(1, 8)]
    assert epochs[0] == epochs[3] == epochs[6]
    assert epochs[1] == epochs[4]
    assert epochs[2] == epochs[5]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert all(epochs[first][i][1] != epochs[second][i][1] for i in range(9))


def test_the_order_still_follows_the_seed_and_the_epoch(noise):
    def order(seed, epoch):
        batches = loader_of(noise, views=1, seed=seed).batches(epoch, True)
        return [label for batch in batches for label in batch.labels.tolist()]

    assert order(5, 1) == order(5, 1)
    assert len({tuple(order(*at)) for at in ((5, 1), (5, 2), (6, 1))}) == 3


def test_another_seed_list_order_and_folder_show_the_same(noise, tmp_path):
    first = [shown(loader_of(noise), epoch) for epoch in (1, 2)]
    (tmp_path / "copies").mkdir()
    for number, index in enumerate((7, 2, 5)):
        shutil.copy(f"{index}.png", f"copies/other{number}.png")
    Path("copies/list.txt").write_text("other0.png 7\nother2.png 5\nother1.png 2\n")
    loader = loader_of("copies/list.txt", seed=77, batch_size=2)
    for epoch, whole in enumerate(first, start=1):
        assert shown(loader, epoch) == {index: whole[index] for index in (2, 5, 7)}


def test_a_changed_file_changes_its_key_and_no_other(noise):
    before = shown(loader_of(noise))
    Image.new("RGB", (40, 40), "red").save("4.png")
    after = shown(loader_of(noise))
    assert {i for i in range(9) if before[i][1] != after[i][1]} == {4}


def test_a_key_names_content_position_and_mirror(noise):
    loader = loader_of(noise)
    for batch in loader.batches(2, True):
        for sample, view, key in zip(batch.samples, batch.views, batch.keys, strict=True):
            content = hashlib.blake2b(sample.path.read_bytes(), digest_size=16).digest()
            data = content + struct.pack("<dd?B", view.left, view.top, view.mirror, 1)
            assert key.tobytes() == hashlib.blake2b(data, digest_size=16).digest()
        assert batch.keys.shape == (len(batch), 16)
        assert batch.keys.dtype == np.uint8


def test_the_pixels_are_those_of_the_batchs_view(noise):
    batch = next(loader_of(noise).batches(1, True))
    expected = [
        render(np.asarray(decode(sample.path)), view, RENDERING)
        for sample, view in zip(batch.samples, batch.views, strict=True)
    ]
    np.testing.assert_array_equal(batch.pixels(RENDERING), expected)


def test_recorded_views_fill_the_margin_and_mirror_half():
    digests = [hashlib.blake2b(bytes([i]), digest_size=16).digest() for i in range(200)]
    views = [View.recorded(digest, number) for digest in digests for number in range(10)]
    assert len({(view.left, view.top) for view in views}) == 2000
    np.testing.assert_allclose(np.mean([(v.left, v.top) for v in views], axis=0), 0.5, atol=0.03)
    assert 0.45 < np.mean([view.mirror for view in views]) < 0.55
    assert not any(View.recorded(digest, 0, mirror=False).mirror for digest in digests)


def test_centre_shows_the_middle_in_every_epoch_with_the_keys_of_validation(noise):
    loader = loader_of(noise, views="centre")
    first = shown(loader, 1)
    assert first == shown(loader, 2) == shown(loader, 1, training=False)
    assert first == shown(loader_of(noise, views=4), 1, training=False)
    middle = render(np.asarray(decode("3.png")), View.centre(), RENDERING)
    assert first[3][0] == middle.tobytes()


def test_the_key_of_a_centre_is_that_of_older_caches(noise):
    content = hashlib.blake2b(Path("3.png").read_bytes(), digest_size=16).digest()
    data = content + struct.pack("<dd?", 0.5, 0.5, False)
    key = hashlib.blake2b(data, digest_size=16).digest()
    assert shown(loader_of(noise, views="centre"))[3][1] == key


def test_fresh_views_are_what_they_were_and_have_no_keys(noise):
    loader = Loader(read_samples(noise), batch_size=4, seed=5)
    for batch in loader.batches(2, True):
        assert batch.keys is None
        assert batch.views == [View.random(view_seed(5, 2, i)) for i in batch.labels.tolist()]
    assert next(loader.batches(2, False)).keys is None


@pytest.mark.parametrize("workers", [2, 7])
def test_workers_change_nothing(noise, workers):
    assert shown(loader_of(noise, workers=1)) == shown(loader_of(noise, workers=workers))


def test_a_file_that_changes_while_its_batch_is_in_use_is_refused(noise):
    batch = next(loader_of(noise).batches(1, False))
    Image.new("RGB", (40, 40)).save("2.png")
    with pytest.raises(DataError, match=r"train.txt line 3: 2.png has changed since this batch"):
        batch.pixels(RENDERING)


def test_a_bad_image_gives_the_same_error(noise):
    Path("6.png").write_bytes(b"<html>")
    reasons = set()
    for views in (None, 2):
        loader = loader_of(noise, views=views, on_bad_image="skip")
        assert len(shown(loader)) == 8
        reasons |= {reason for _, reason in loader.skipped}
    assert len(reasons) == 1
    assert reasons.pop().startswith("train.txt line 7: 6.png: this is no JPEG, PNG")
