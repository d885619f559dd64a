"""Files and arrays to RGB images: every kind that Pillow writes, and what is refused in memory."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from deelish.errors import DataError
from deelish.images.decoding.decode import decode, to_rgb
from deelish.images.pixels import from_array

WAVES = (np.sin(np.arange(48 * 64 * 3).reshape(48, 64, 3) / 50) * 100 + 120).astype(np.uint8)


def pixels(array: np.ndarray) -> np.ndarray:
    """As signed numbers; the last of four bytes a pixel means nothing."""
    return array[..., :3].astype(int)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(WAVES).save(path, quality=95)
    return path


@pytest.mark.parametrize("extension", ["png", "bmp", "webp", "ppm"])
def test_lossless_files_keep_their_pixels(tmp_path, extension):
    path = tmp_path / f"image.{extension}"
    Image.fromarray(WAVES).save(path, lossless=True)
    np.testing.assert_array_equal(pixels(decode(path)), WAVES)


def test_a_jpeg_is_decoded_at_full_size_and_from_a_string(photo):
    with Image.open(photo) as image:
        np.testing.assert_array_equal(pixels(decode(str(photo))), np.asarray(image))


def test_the_name_does_not_matter(photo):
    renamed = photo.rename(photo.with_name("photo.txt"))
    assert decode(renamed).shape == (48, 64, 3)


def test_the_first_frame_of_a_gif(tmp_path):
    path = tmp_path / "two.gif"
    red, blue = Image.new("RGB", (8, 6), "red"), Image.new("RGB", (8, 6), "blue")
    red.save(path, save_all=True, append_images=[blue])
    assert (pixels(decode(path)) == (255, 0, 0)).all()


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_and_black_and_white(tmp_path, mode):
    path = tmp_path / "grey.png"
    grey = Image.fromarray(WAVES).convert(mode)
    grey.save(path)
    expected = np.repeat(np.asarray(grey.convert("L"))[..., None], 3, axis=2)
    np.testing.assert_array_equal(pixels(decode(path)), expected)


@pytest.mark.parametrize("name", ["deep.png", "deep.pgm"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, name):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = Image.fromarray(values)
    (image.convert("I") if name.endswith("pgm") else image).save(tmp_path / name)
    expected = np.rint(values / 65535 * 255).astype(int)
    np.testing.assert_array_equal(pixels(decode(tmp_path / name)), np.stack([expected] * 3, -1))


def test_a_cmyk_jpeg_has_its_colours(tmp_path):
    path = tmp_path / "print.jpg"
    Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK").save(path, quality=100)
    np.testing.assert_allclose(pixels(decode(path))[8, 8], (200, 40, 90), atol=3)


def over_white(rgba: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:] / 255
    return np.asarray(rgba[..., :3] * alpha + 255 * (1 - alpha))


def test_alpha_is_laid_on_white(tmp_path):
    path = tmp_path / "glass.png"
    rgba = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(path)
    np.testing.assert_allclose(pixels(decode(path)), over_white(rgba), atol=1)


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    path = tmp_path / "glass.png"
    Image.new("LA", (4, 4), (100, 0)).save(path)
    assert (pixels(decode(path)) == 255).all()


@pytest.mark.parametrize("transparency", [0, bytes([0, 128])])
def test_a_palette_with_transparency_is_laid_on_white(tmp_path, transparency):
    path = tmp_path / "palette.png"
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 200])
    image.putpixel((1, 0), 1)
    image.save(path, transparency=transparency)
    alpha = 128 if isinstance(transparency, bytes) else 255
    expected = over_white(np.array([[[255, 0, 0, 0], [0, 0, 200, alpha]]], np.uint8))
    np.testing.assert_allclose(pixels(decode(path)), expected, atol=1)


def test_a_plain_palette(tmp_path):
    path = tmp_path / "palette.png"
    image = Image.fromarray(WAVES).quantize(16)
    image.save(path)
    np.testing.assert_array_equal(pixels(decode(path)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "png"])
def test_exif_orientation_is_undone_once(tmp_path, orientation, extension):
    path = tmp_path / f"turned.{extension}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(WAVES).save(path, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
        np.testing.assert_array_equal(pixels(to_rgb(stored)), expected)
    np.testing.assert_array_equal(decode(path), expected)


def test_a_broken_exif_block_does_not_lose_the_image(tmp_path):
    path = tmp_path / "note.jpg"
    Image.fromarray(WAVES).save(path, exif=b"Exif\0\0not a note")
    assert decode(path).shape == (48, 64, 3)


def test_images_in_memory_follow_the_same_rules():
    assert (pixels(to_rgb(Image.new("RGBA", (2, 2), (9, 9, 9, 0)))) == 255).all()
    assert (pixels(to_rgb(Image.new("I", (2, 2), 65535))) == 255).all()


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70_000), ("I", -1)])
def test_pixels_beyond_16_bits_are_refused(mode, value):
    with pytest.raises(DataError, match=f"image: the pixels run from .* in mode '{mode}'; save"):
        to_rgb(Image.new(mode, (2, 2), value))


def test_an_image_in_memory_may_not_be_too_large_either():
    with pytest.raises(DataError, match="image: the image has 9000 x 8000 pixels"):
        to_rgb(Image.new("1", (9000, 8000)))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (WAVES, WAVES),
        (WAVES[:, ::-1], WAVES[:, ::-1]),
        (WAVES[..., 0], WAVES[..., [0, 0, 0]]),
        (WAVES[..., :1], WAVES[..., [0, 0, 0]]),
        ((WAVES / 255).astype(np.float32), WAVES),
        (WAVES / 255, WAVES),
        (np.array([[0.0, 1.0]], np.float16), [[[0] * 3, [255] * 3]]),
    ],
)
def test_arrays_become_images(array, expected):
    np.testing.assert_array_equal(from_array(array), expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (WAVES.transpose(2, 0, 1), "the shape is (3, 48, 64); give (height, width)"),
        (np.zeros((2, 2, 4), np.uint8), "the shape is (2, 2, 4)"),
        (np.zeros((0, 4), np.uint8), "the shape is (0, 4)"),
        (np.zeros(4, np.uint8), "the shape is (4,)"),
        (WAVES.astype(np.int64), "the type is int64; give uint8 from 0 to 255 or floats"),
        (WAVES > 100, "the type is bool"),
        (WAVES.astype(np.float32), "the float32 values run from 20 to 219; give floats from 0"),
        (np.array([[-0.1, 1]], np.float32), "the float32 values run from -0.1 to 1"),
        (np.array([[np.nan, 1]], np.float32), "the float32 values run from nan to nan"),
    ],
)
def test_other_arrays_are_refused(array, message):
    with pytest.raises(DataError, match=re.escape(f"array: {message}")):
        from_array(array)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "I;16", "L", "CMYK"])
def test_a_large_image_is_converted_in_strips_to_the_same_pixels(mode, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (61, 47, 4), dtype=np.uint8)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode == "P":
        image = image.convert("RGB").quantize(40)
        image.info["transparency"] = 3
    else:
        image = image.convert("RGB").convert(mode) if mode != "RGBA" else image
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    image.save(path)
    whole = decode(path)
    for limit in (1, 47, 500, 47 * 60):
        monkeypatch.setattr("deelish.images.decoding.rgb.STRIP_PIXELS", limit)
        np.testing.assert_array_equal(decode(path), whole)
