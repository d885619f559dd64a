"""The command cache and kept images."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from deelish.images.cache.disk import DiskKeeping
from deelish.images.decoding.frames import Opened

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def images(folder, tmp_path):
    """The folder of five kept images."""
    keeping = DiskKeeping()
    for index in range(5):
        path = tmp_path / f"{index}.png"
        pixels = np.full((10, 20, 3), index, np.uint8)
        Image.fromarray(pixels).save(path)
        assert keeping.get(path, 256) is None
        keeping.put(path, 256, Opened(pixels, None, bytes(16)))
    keeping.flush()
    assert keeping.folder == folder / "images"
    return keeping.folder


def spoil(images, byte):
    (path,) = images.glob("*.pixels")
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(data)


def test_list_says_what_is_kept(images, ran):
    stamp = time.mktime((2024, 5, 6, 7, 8, 0, 0, 0, -1))
    os.utime(images / "images.index", (stamp, stamp))
    size = 4096 + 5 * 56 + 5 * 600
    line = f"images: 5 kept, {size / 1000:.1f} kB, last used 2024-05-06 07:08, in {images}"
    for words in ((), ("list",), ("list", "images")):
        assert ran("cache", *words) == [line]


def test_check_counts_the_damaged(images, ran):
    assert ran("cache", "check") == ["images: 5, all sound"]
    spoil(images, 3)
    spoil(images, 601)
    (said,) = ran("cache", "check", "images", code=1)
    assert said == (
        "images: 2 of 5 are damaged; they are decoded anew, and `deelish cache clear images`"
        " removes all"
    )


def test_check_tells_an_index_that_is_none(images, ran):
    (images / "images.index").write_text("nothing")
    (said,) = ran("cache", "check", code=1)
    assert said.startswith(f"{images / 'images.index'}: does not begin as a file of kept images;")
    assert ran("cache", "list")[0].startswith("images: unusable, ")


@pytest.mark.parametrize("words", [["images"], ["--all"]])
def test_clear_removes_them(words, images, ran):
    (said,) = ran("cache", "clear", *words)
    assert said == "removed: images: 5 kept, 7.4 kB"
    assert [path.name for path in images.iterdir()] == ["lock"]
    (said,) = ran("cache", "clear", "images")
    assert (
        said == f"{images.parent}: no images are kept there ($DEELISH_CACHE names another folder)"
    )


def test_clearing_answers_leaves_images(images, ran):
    (said,) = ran("cache", "clear", "GoogLeNet", code=1)
    assert "holds no answers of 'GoogLeNet'" in said
    assert len(list(images.iterdir())) == 3


def test_pixels_that_are_gone_are_told(images, ran):
    (path,) = images.glob("*.pixels")
    path.unlink()
    (said,) = ran("cache", "check", code=1)
    assert said == f"deelish: {path}: cannot be read (No such file or directory)"
