"""JPEG files by libjpeg-turbo alone: Pillow's pixels, and Pillow's errors where one is damaged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from deelish.errors import DataError
from deelish.images.decoding.decode import decode, decode_for
from deelish.images.decoding.jpeg import decoded_jpeg, jpeg_size

SIZES = [(97, 61), (64, 64), (61, 131)]
KINDS = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2, "quality": 30},
    "progressive": {"progressive": True, "quality": 90},
    "restarts": {"restart_marker_blocks": 3},
    "colours as they are": {"keep_rgb": True},
}


def photo(width: int, height: int) -> Image.Image:
    draw = np.random.default_rng(width)
    pixels = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1))


def by_pillow(data: bytes, scale: int = 1) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        image.draft(None, (image.width // scale, image.height // scale))
        return np.asarray(image.convert("RGB"))


def taken(data: bytes, scale: int = 1) -> np.ndarray | None:
    """What libjpeg-turbo alone makes of a file."""
    size = jpeg_size(data)
    return None if size is None else decoded_jpeg(data, size, scale)


def written(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_pixels_are_pillows(size, kind, scale):
    data = written(photo(*size), **KINDS[kind])
    np.testing.assert_array_equal(taken(data, scale), by_pillow(data, scale), strict=True)


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (7, 40), (8, 8), (9, 4)], ids=str)
def test_tiny_images_are_whole(size, tmp_path):
    """A decoder that gets a size might take a smaller scale that gives the same size."""
    path = tmp_path / "tiny.jpg"
    path.write_bytes(written(photo(*size)))
    np.testing.assert_array_equal(decode(path), by_pillow(path.read_bytes()))


def test_grey_has_three_equal_channels():
    data = written(photo(97, 61).convert("L"))
    np.testing.assert_array_equal(taken(data), by_pillow(data), strict=True)


def test_cmyk_is_left_to_pillow(tmp_path):
    path = tmp_path / "print.jpg"
    path.write_bytes(written(photo(97, 61).convert("CMYK")))
    assert taken(path.read_bytes()) is None
    np.testing.assert_array_equal(decode(path), by_pillow(path.read_bytes()))


def test_what_pillow_reads_in_spite_of_damage_is_read(tmp_path):
    """Stray bytes before the end: Pillow skips them."""
    path, data = tmp_path / "odd.jpg", written(photo(97, 61))
    path.write_bytes(data[:-2] + bytes(9) + data[-2:])
    assert taken(path.read_bytes()) is None
    np.testing.assert_array_equal(decode(path), by_pillow(data))


def test_damage_gives_the_same_error_at_every_scale(tmp_path):
    path, data = tmp_path / "cut.jpg", written(photo(97, 61))
    path.write_bytes(data[: len(data) // 2])
    for resize_size in (None, 20, 5):
        with pytest.raises(DataError, match=r"cut.jpg: the image is cut off \(.*; replace"):
            decode_for(path, resize_size)


def test_pixels_may_be_written_to():
    """torch resizes them in place, and warns of read-only arrays."""
    pixels = taken(written(photo(97, 61)))
    assert pixels is not None
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
