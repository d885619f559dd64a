"""Pixel operations against torchvision's functions of PIL images, or Pillow and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from deelish.images.augmentation.operations import Operation, perform

SIZES = [224, 64, 33]


def picture(size: int) -> np.ndarray:
    """A smooth image with an edge and a little noise: all operations change it."""
    y, x = np.mgrid[:size, :size] / size
    noise = np.random.default_rng(size).integers(0, 20, (size, size, 3))
    image = np.stack([200 * x, 120 * y + 60, 150 * (x > y)], axis=-1) + noise
    return image.astype(np.uint8)


def done(name: str, *values: float, size: int) -> np.ndarray:
    return perform([Operation(name, values)], picture(size))


@pytest.fixture(scope="module")
def functional():
    pytest.importorskip("torchvision")
    from torchvision.transforms.v2 import functional

    return functional


def affine(functional, image, translate=(0, 0), shear=(0.0, 0.0), center=None):
    return functional.affine(
        image, angle=0.0, translate=list(translate), scale=1.0, shear=list(shear), center=center
    )


def sheared(functional, image, x, y):
    degrees = [math.degrees(math.atan(slope)) for slope in (x, y)]
    return affine(functional, image, shear=degrees, center=[0, 0])


# For each operation: its values, and what torchvision's RandAugment and ColorJitter call for it.
SAME = {
    "mirror": ([()], lambda f, im: f.horizontal_flip(im)),
    "flip": ([()], lambda f, im: f.vertical_flip(im)),
    "identity": ([()], lambda f, im: im),
    "rotate": ([(9,), (-135,), (27.9,)], lambda f, im, v: f.rotate(im, v)),
    "shear_x": ([(0.3,), (-0.99,)], lambda f, im, v: sheared(f, im, v, 0)),
    "shear_y": ([(0.09,), (-0.99,)], lambda f, im, v: sheared(f, im, 0, v)),
    "translate_x": (
        [(0.1,), (-150 / 331,)],
        lambda f, im, v: affine(f, im, translate=(int(v * im.width), 0)),
    ),
    "translate_y": (
        [(0.1,), (-150 / 331,)],
        lambda f, im, v: affine(f, im, translate=(0, int(v * im.height))),
    ),
    "brightness": ([(0.1,), (1.27,)], lambda f, im, v: f.adjust_brightness(im, v)),
    "contrast": ([(0.1,), (1.9,)], lambda f, im, v: f.adjust_contrast(im, v)),
    "saturation": ([(0.0,), (1.4,)], lambda f, im, v: f.adjust_saturation(im, v)),
    "sharpness": ([(0.01,), (1.9,)], lambda f, im, v: f.adjust_sharpness(im, v)),
    "hue": ([(0.1,), (-0.5,), (0.37,)], lambda f, im, v: f.adjust_hue(im, v)),
    "grey": ([()], lambda f, im: f.rgb_to_grayscale(im, num_output_channels=3)),
    "posterize": ([(8,), (5,), (2,)], lambda f, im, v: f.posterize(im, v)),
    "solarize": ([(0,), (178.5,), (255,)], lambda f, im, v: f.solarize(im, v)),
    "autocontrast": ([()], lambda f, im: f.autocontrast(im)),
    "equalize": ([()], lambda f, im: f.equalize(im)),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SAME)
def test_pixels_are_those_of_torchvision(functional, name, size):
    choices, expected = SAME[name]
    for values in choices:
        reference = expected(functional, Image.fromarray(picture(size)), *values)
        pixels = done(name, *values, size=size)
        assert (pixels.dtype, pixels.shape) == (np.uint8, (size, size, 3))
        np.testing.assert_array_equal(pixels, np.asarray(reference), f"{name} {values}")


@pytest.mark.parametrize("size", [22, 39, 224])
def test_a_shift_of_whole_pixels_is_not_cut_short_by_rounding(size):
    """15 / 22 of 22 is a little less than 15 in binary fractions."""
    image = picture(size)
    for pixels in range(1, size):
        for name, shown in (("translate_x", image[:, :-pixels]), ("translate_y", image[:-pixels])):
            shifted = done(name, pixels / size, size=size)
            rest = shifted[:, pixels:] if name == "translate_x" else shifted[pixels:]
            np.testing.assert_array_equal(rest, shown)
            assert not shifted[:, :pixels].any() or not shifted[:pixels].any()


@pytest.mark.parametrize("size", [224, 112])
def test_a_blur_is_as_large_a_part_of_every_size(size):
    expected = Image.fromarray(picture(size)).filter(ImageFilter.GaussianBlur(2.0 * size / 224))
    np.testing.assert_array_equal(done("blur", 2.0, size=size), np.asarray(expected))


@pytest.mark.parametrize("size", SIZES)
def test_erasing_fills_the_box_with_the_mean_colour_and_nothing_else(size):
    expected = picture(size).copy()
    left, top, right, bottom = (round(edge * size) for edge in (0.25, 0.5, 0.75, 0.9))
    expected[top:bottom, left:right] = np.rint(255 * np.array([0.485, 0.456, 0.406]))
    np.testing.assert_array_equal(done("erase", 0.25, 0.5, 0.75, 0.9, size=size), expected)


def test_operations_follow_each_other_and_leave_the_image_they_are_given():
    image = picture(40)
    before = image.copy()
    steps = [Operation("rotate", (30,)), Operation("mirror")]
    one_by_one = perform(steps[1:], perform(steps[:1], image))
    np.testing.assert_array_equal(perform(steps, image), one_by_one)
    assert not np.array_equal(perform(steps[::-1], image), one_by_one)
    perform([Operation("erase", (0, 0, 1, 1))], image)
    np.testing.assert_array_equal(image, before)


def test_rows_apart_in_memory_are_read_as_they_look():
    wide = picture(64)
    window = wide[:40, 10:50][:, ::-1]
    np.testing.assert_array_equal(perform([Operation("mirror")], window), window[:, ::-1])
