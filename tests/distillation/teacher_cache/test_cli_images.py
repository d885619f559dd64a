"""The command cache and decoded images."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from deelish.images.cache.disk import DiskCache
from deelish.images.decoding.decoded_image import DecodedImage

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def images(folder, tmp_path):
    """The folder of five cached images."""
    cache = DiskCache()
    for index in range(5):
        path = tmp_path / f"{index}.png"
        pixels = np.full((10, 20, 3), index, np.uint8)
        Image.fromarray(pixels).save(path)
        assert cache.get(path, 256) is None
        cache.put(path, 256, DecodedImage(pixels, None, bytes(16)))
    cache.flush()
    assert cache.folder == folder / "images"
    return cache.folder


def spoil(images, byte):
    (path,) = images.glob("*.pixels")
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_list_says_what_is_cached(images, ran):
    stamp = time.mktime((2024, 5, 6, 7, 8, 0, 0, 0, -1))
    os.utime(images / "images.index", (stamp, stamp))
    size = 4096 + 5 * 56 + 5 * 600
    line = (
        f"decoded images: 5 cached, {size / 1000:.1f} kB, last used 2024-05-06 07:08, in {images}"
    )
    for words in ((), ("list",), ("list", "images")):
        assert ran("cache", *words) == [line]


def test_check_counts_the_damaged(images, ran):
    assert ran("cache", "check") == ["decoded images: 5, all sound"]
    spoil(images, 3)
    spoil(images, 601)
    (printed,) = ran("cache", "check", "images", code=1)
    assert printed == (
        "decoded images: 2 of 5 are damaged; they are decoded again, and `deelish cache clear"
        " images` removes all"
    )


def test_check_reports_an_index_that_is_none(images, ran):
    (images / "images.index").write_text("nothing")
    (printed,) = ran("cache", "check", code=1)
    assert printed == (
        f"{images / 'images.index'}: does not begin as a file of decoded images; it is rebuilt by"
        " the next training that uses it, or clear it"
    )
    assert ran("cache", "list")[0].startswith("decoded images: unusable, ")


@pytest.mark.parametrize("words", [["images"], ["--all"]])
def test_clear_removes_them(words, images, ran):
    (printed,) = ran("cache", "clear", *words)
    assert printed == "removed: decoded images: 5 cached, 7.4 kB"
    assert [path.name for path in images.iterdir()] == ["lock"]
    (printed,) = ran("cache", "clear", "images")
    assert printed == (
        f"{images.parent}: no decoded images are cached there ($DEELISH_CACHE names another folder)"
    )


def test_clearing_logits_leaves_images(images, ran):
    (printed,) = ran("cache", "clear", "GoogLeNet", code=1)
    assert "holds no logits of 'GoogLeNet'" in printed
    assert len(list(images.iterdir())) == 3


def test_pixels_that_are_gone_are_reported(images, ran):
    (path,) = images.glob("*.pixels")
    path.unlink()
    (printed,) = ran("cache", "check", code=1)
    assert printed == f"deelish: {path}: cannot be read (No such file or directory)"
