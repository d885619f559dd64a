"""A batch: rows of it, and which sizes are rendered ahead."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views import window
from deelish.plan.rendering import Rendering

LARGE, SMALL = Rendering(24, 32), Rendering(8, 10)


@pytest.fixture
def rendered(monkeypatch):
    """How often each rendering was made."""
    count = Counter()

    def counted(image, view, rendering, corner):
        count[rendering] += 1
        return cut(image, view, rendering, corner)

    cut = window.cut
    monkeypatch.setattr(window, "cut", counted)
    return count


def loader_of(source, *renderings, **augmentation):
    loader = Loader(
        read_samples(source), batch_size=1, seed=5, read_options=ReadOptions(**augmentation)
    )
    loader.renderings |= set(renderings)
    return loader


def test_a_size_that_is_not_requested_is_soon_not_rendered(noise, rendered):
    loader = loader_of(noise, LARGE, SMALL)
    for batch in loader.batches(1, True):
        batch.pixels(SMALL)
    # The first batch, and the two that were read ahead during it.
    assert rendered == {LARGE: 3, SMALL: 9}
    for batch in loader.batches(2, True):
        batch.pixels(SMALL)
    assert rendered == {LARGE: 3, SMALL: 18}


def test_a_size_that_is_requested_again_is_rendered_ahead_again(noise, rendered):
    loader = loader_of(noise, SMALL)
    for number, batch in enumerate(loader.batches(1, True)):
        batch.pixels(SMALL)
        if number >= 4:
            before = rendered[LARGE]
            shape = batch.pixels(LARGE).shape
            assert shape == (1, 24, 24, 3)
            if number >= 7:
                assert rendered[LARGE] == before
    assert rendered[LARGE] == 5
    assert loader.renderings == {LARGE, SMALL}


def test_each_resize_of_an_image_is_done_once(noise, monkeypatch):
    sizes, resized = [], window.resized
    monkeypatch.setattr(
        window,
        "resized",
        lambda image, rendering, part: (
            sizes.append(rendering.resize_size) or resized(image, rendering, part)
        ),
    )
    loader = Loader(read_samples(noise), batch_size=9, seed=5)
    loader.renderings |= {Rendering(24, 32), Rendering(27, 32), Rendering(32, 32), SMALL}
    (batch,) = loader.batches(0, False)
    assert Counter(sizes) == {32: 9, 10: 9}
    np.testing.assert_array_equal(
        batch.pixels(LARGE), batch.pixels(Rendering(32, 32))[:, 4:28, 4:28]
    )


def test_images_of_which_no_size_is_requested_are_still_checked(noise, tmp_path):
    (tmp_path / "3.png").write_bytes(b"<html>")
    loader = Loader(read_samples(noise), batch_size=2, seed=0, on_bad_image="skip")
    assert sum(len(batch) for _ in range(2) for batch in loader.batches(0, True)) == 16
    assert [sample.line for sample, _ in loader.skipped] == [4]


@pytest.mark.parametrize("rows", [[2, 0], np.array([True, False, True, True]), [], np.array([3])])
@pytest.mark.parametrize("ahead", [(), (LARGE,)])
def test_a_subset_is_the_rows(noise, rows, ahead):
    loader = Loader(
        read_samples(noise),
        batch_size=4,
        seed=5,
        read_options=ReadOptions(views=2, mix="mixup", mirror=True),
    )
    loader.renderings |= set(ahead)
    batch = next(loader.batches(1, True))
    part = batch.subset(rows)
    chosen = np.arange(4)[rows] if len(rows) else np.arange(0)
    assert len(part) == len(chosen)
    assert part.samples == [batch.samples[i] for i in chosen]
    assert part.views == [batch.views[i] for i in chosen]
    np.testing.assert_array_equal(part.labels, batch.labels[chosen])
    np.testing.assert_array_equal(part.keys, batch.keys[chosen])
    np.testing.assert_array_equal(part.pixels(LARGE), batch.pixels(LARGE)[chosen])
    np.testing.assert_array_equal(part.pixels(SMALL), batch.pixels(SMALL)[chosen])


def test_a_subset_of_a_subset(noise):
    batch = next(Loader(read_samples(noise), batch_size=6, seed=5).batches(1, True))
    part = batch.subset([5, 3, 1, 0]).subset([1, 2])
    assert part.keys is None
    assert part.samples == [batch.samples[3], batch.samples[1]]
    np.testing.assert_array_equal(part.pixels(SMALL), batch.pixels(SMALL)[[3, 1]])


def test_a_size_that_only_a_subset_requests_is_rendered_ahead(noise, rendered):
    loader = loader_of(noise, LARGE)
    for batch in loader.batches(1, True):
        batch.subset([0]).pixels(LARGE)
    assert rendered == {LARGE: 9}


def test_a_subset_renders_its_own_rows_only(noise, rendered):
    batch = next(Loader(read_samples(noise), batch_size=6, seed=5).batches(1, True))
    batch.subset([0, 4]).pixels(LARGE)
    assert rendered == {LARGE: 2}
