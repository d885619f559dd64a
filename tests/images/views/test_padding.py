"""Views that reach beyond the image, against numpy.pad and a crop; mirrored every other time."""

from __future__ import annotations

import numpy as np
import pytest

from deelish.images.views.choosing import ALTERNATE, ViewRule
from deelish.images.views.view import CENTRE, View
from deelish.images.views.window import render, resized
from deelish.plan.rendering import Rendering

DIGESTS = [bytes([number] * 16) for number in range(40)]


def picture(height, width):
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [8, 6, 2, 1])
@pytest.mark.parametrize(("left", "top"), [(0, 0), (4, 4), (1, 3), (2, 2)])
@pytest.mark.parametrize("mirror", [False, True])
def test_pixels_are_those_of_a_reflecting_pad_and_a_crop(size, left, top, mirror):
    image, pad = picture(size, size), 2
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    expected = padded[top : top + size, left : left + size]
    view = View(3, (left + 0.5) / 5, (top + 0.5) / 5, mirror, None, pad / size)
    shown = render(image, view, Rendering(size, size))
    np.testing.assert_array_equal(shown, expected[:, ::-1] if mirror else expected)


def test_a_window_of_a_larger_image_moves_further():
    image = picture(12, 12)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    view = View(3, 0.999, 0.0, False, None, 2 / 8)
    np.testing.assert_array_equal(render(image, view, Rendering(8, 12)), padded[0:8, 8:16])


def test_each_place_is_drawn_as_often():
    rendering, rule = Rendering(32, 32), ViewRule(1, padding=2 / 32)
    corners = [rule.view(index, 3, None).corner(rendering, 32, 32) for index in range(2500)]
    counts = np.zeros((5, 5))
    for left, top in corners:
        counts[left + 2, top + 2] += 1
    # 100 expected in each; a deviation of 10.
    assert counts.sum() == 2500
    assert abs(counts - 100).max() < 45


def test_padded_views_have_other_names_and_plain_ones_keep_theirs():
    plain, padded = View(3, 0.5, 0.5, False), View(3, 0.5, 0.5, False, None, 2 / 32)
    assert padded.to_bytes() != plain.to_bytes()
    assert len(plain.to_bytes()) == 18


@pytest.mark.parametrize("digest", [None, bytes(16)], ids=["fresh", "recorded"])
def test_alternate_views_are_mirrored_every_other_time(digest):
    rule = ViewRule(5, None if digest is None else 6, ALTERNATE)
    digests = [None] * 40 if digest is None else DIGESTS
    first, second, third = (
        [rule.view(index, epoch, each).mirror for index, each in enumerate(digests)]
        for epoch in (1, 2, 3)
    )
    assert 5 < sum(first) < 35
    assert second == [not each for each in first]
    assert third == first


@pytest.mark.parametrize("views", [None, 3, CENTRE])
@pytest.mark.parametrize("mirror", [True, False, ALTERNATE])
def test_many_views_are_those_made_one_by_one(mirror, views):
    rule = ViewRule(2**33, views, mirror, 2 / 32)
    indices = [5, 0, 70_000, 3]
    digests = None if views is None else DIGESTS[:4]
    for epoch in (1, 2, 5):
        one_by_one = zip(indices, digests or [None] * 4, strict=True)
        assert rule.many(indices, epoch, digests) == [
            rule.view(index, epoch, digest) for index, digest in one_by_one
        ]


@pytest.mark.parametrize("fraction", [0.0, 0.999])
def test_an_image_that_keeps_its_aspect_is_reflected_at_its_own_edge(fraction):
    image, rendering = picture(20, 30), Rendering(12, 12, "center")
    whole = resized(image, rendering)
    assert whole.shape == (12, 18, 3)
    padded = np.pad(whole, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    top, left = (round(fraction * side) for side in (4, 10))
    shown = render(image, View(3, fraction, fraction, False, None, 2 / 12), rendering)
    np.testing.assert_array_equal(shown, padded[top : top + 12, left : left + 12])
