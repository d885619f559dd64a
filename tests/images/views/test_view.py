"""Views: recorded windows, against Pillow's own resize and crop and Caffe's offsets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from deelish.images.views.view import View, view_seed
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def resize_then_crop(
    image: np.ndarray, left: int, top: int, size: int, resize_size: int
) -> np.ndarray:
    # In two calls, as Pillow 13 takes the columns of a tall image first.
    rows = Image.fromarray(image).resize((resize_size, len(image)), Image.Resampling.BILINEAR)
    whole = rows.resize((resize_size, resize_size), Image.Resampling.BILINEAR)
    return np.asarray(whole.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize(
    ("width", "height"), [(500, 375), (333, 500), (256, 256), (1280, 960), (40, 31), (1, 700)]
)
@pytest.mark.parametrize(("size", "resize_size"), [(224, 256), (227, 256), (224, 224), (28, 32)])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 1.0), (0.3, 0.8)])
def test_pixels_are_within_one_of_resize_and_crop(width, height, size, resize_size, corner):
    image = picture(width, height)
    margin = resize_size - size
    left, top = (min(int((margin + 1) * part), margin) for part in corner)
    expected = resize_then_crop(image, left, top, size, resize_size)
    pixels = render(image, View(0, corner[0], corner[1], False), Rendering(size, resize_size))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (size, size, 3)
    difference = np.abs(pixels.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.05


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.5)])
def test_an_image_of_the_resize_size_is_cut_exactly(corner):
    image = picture(256, 256)
    left, top = int(32 * corner[0]), int(32 * corner[1])
    expected = image[top : top + 224, left : left + 224]
    view = View(0, corner[0], corner[1], False)
    np.testing.assert_array_equal(render(image, view, Rendering(224, 256)), expected)


@pytest.mark.parametrize(("size", "resize_size"), [(224, 256), (227, 256), (3, 8), (8, 8)])
def test_the_centre_is_caffes_whole_offset(size, resize_size):
    offset = (resize_size - size) // 2
    assert View.centre().corner(Rendering(size, resize_size), resize_size, resize_size) == (
        offset,
        offset,
    )


def test_the_window_is_cut_from_the_image_resized_to_a_square():
    image = np.zeros((32, 128, 3), np.uint8)
    image[:, 64:] = 255
    pixels = render(image, View(0, 1.0, 0.0, False), Rendering(48, 64))
    np.testing.assert_array_equal(pixels[:, :14], 0)
    np.testing.assert_array_equal(pixels[:, 18:], 255)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("size", [32, 40])
def test_a_fourth_byte_is_ignored(size, mirror):
    image = picture(50, 40)
    four = np.dstack([image, np.arange(2000).reshape(40, 50).astype(np.uint8)])
    view = View(0, 0.2, 0.6, mirror)
    pixels = render(four, view, Rendering(size, 40))
    assert pixels.shape == (size, size, 3)
    np.testing.assert_array_equal(pixels, render(image, view, Rendering(size, 40)))
    np.testing.assert_array_equal(
        render(four[:, :40], view, Rendering(size, 40)),
        render(image[:, :40], view, Rendering(size, 40)),
    )


def test_mirror_turns_the_window_left_to_right():
    image = picture(300, 200)
    straight = render(image, View(0, 0.2, 0.6, False), Rendering(32, 40))
    mirrored = render(image, View(0, 0.2, 0.6, True), Rendering(32, 40))
    np.testing.assert_array_equal(mirrored, straight[:, ::-1])


def test_a_random_view_depends_on_its_seed_only():
    first = View.random(7)
    np.random.default_rng(1).random(5)
    assert View.random(7) == first
    assert View.random(8) != first
    assert first.seed == 7


def test_without_mirror_only_the_mirror_changes():
    for seed in range(20):
        drawn, plain = View.random(seed), View.random(seed, mirror=False)
        assert (plain.left, plain.top, plain.mirror) == (drawn.left, drawn.top, False)


@pytest.mark.parametrize(
    ("rendering", "width"),
    [
        (Rendering(224, 226), 226),
        (Rendering(227, 231), 231),
        (Rendering(96, 96, "center"), 100),
        (Rendering(8, 5, "border"), 5),
    ],
)
def test_every_place_of_a_random_window_is_as_probable_as_the_others(rendering, width):
    """As in Caffe, `Rand(height - crop_size + 1)`, and in torchvision's RandomCrop."""
    views = [View.random(seed) for seed in range(8000)]
    lefts = [view.corner(rendering, width, width)[0] for view in views]
    margin = width - rendering.size
    places, counts = np.unique(lefts, return_counts=True)
    assert places.tolist() == sorted({0, margin, *range(0, margin, margin // abs(margin))})
    expected = len(views) / (abs(margin) + 1)
    # Five standard deviations; the outermost places had half of the probability before.
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_random_views_fill_the_margin_and_mirror_half():
    views = [View.random(seed) for seed in range(2000)]
    corners = np.array([view.corner(Rendering(224, 256), 256, 256) for view in views])
    assert corners.min() == 0
    assert corners.max() == 32
    np.testing.assert_allclose(corners.mean(axis=0), 16, atol=1)
    assert 0.45 < np.mean([view.mirror for view in views]) < 0.55


def test_view_seeds_differ_in_each_part_and_fit_63_bits():
    seeds = {view_seed(s, e, i) for s in range(5) for e in range(5) for i in range(200)}
    assert len(seeds) == 5 * 5 * 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_view_seed_is_numpys_seed_sequence():
    words = np.random.SeedSequence([3, 1, 4]).generate_state(2, np.uint32).tolist()
    assert view_seed(3, 1, 4) == (words[1] * 2**32 + words[0]) // 2
