"""The resize of images against Pillow's, at usual and odd sizes; and arrays of Pillow's memory."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from deelish.engines.torch import resizing
from deelish.images.decoding import lending
from deelish.images.decoding.lending import array_of
from deelish.images.pixels import packed
from deelish.images.views.window import resized
from deelish.plan.rendering import Rendering

VECTORS = torch.backends.cpu.get_cpu_capability() in resizing.VECTORS


def noise(height, width):
    return np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def squashed(image, resize_size):
    return resized(image, Rendering(resize_size, resize_size))


def by_pillow(image, resize_size):
    """In two calls, as Pillow 13 takes the columns of a tall image first."""
    rows = Image.fromarray(image).resize((resize_size, len(image)), Image.Resampling.BILINEAR)
    return np.asarray(rows.resize((resize_size, resize_size), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    ("height", "width", "resize_size"),
    [
        *((375, 500, 256), (500, 333, 232), (256, 341, 256), (1200, 1600, 299)),
        *((32, 32, 37), (28, 28, 32), (30, 40, 224), (1, 1, 1), (1, 1, 256), (7, 5, 1)),
        *((1, 500, 8), (1, 500, 256), (3000, 2, 256), (2, 3000, 8), (4000, 300, 8), (1, 2**20, 8)),
    ],
)
def test_each_value_is_within_one_of_pillows(height, width, resize_size):
    image = noise(height, width)
    pixels = squashed(image, resize_size)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (resize_size, resize_size, 3))
    difference = np.abs(pixels.astype(int) - by_pillow(image, resize_size))
    assert difference.max() <= 1
    # Where two pixels become many, exact halves are frequent, and rounding decides.
    assert (difference > 0).mean() < (0.15 if 2 in (height, width) else 0.02)


def test_pillows_own_order_of_rows_and_columns_makes_at_most_one():
    image = noise(600, 200)
    expected = Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR)
    assert np.abs(squashed(image, 128).astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("side", [1, 28, 256])
def test_an_image_of_the_size_stays_as_it_is(side):
    image = noise(side, side)
    assert squashed(image, side) is image
    np.testing.assert_array_equal(resizing.resize(image, (side, side)), image)


def test_arrays_in_any_order_and_read_only():
    image = noise(40, 50)
    expected = squashed(image, 32)
    locked = image.copy()
    locked.setflags(write=False)
    for other in (
        locked,
        np.asfortranarray(image),
        np.pad(image, ((0, 9), (3, 0), (0, 0)))[:40, 3:],
    ):
        np.testing.assert_array_equal(squashed(other, 32), expected)
    np.testing.assert_array_equal(
        squashed(image[::-1, ::-1], 32), squashed(image[::-1, ::-1].copy(), 32)
    )


def test_without_vectors_it_is_pillows(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    image = noise(40, 50)
    four = np.dstack([image, image[..., 0]])
    expected = Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)
    for one in (image, four):
        np.testing.assert_array_equal(squashed(one, 32), np.asarray(expected))


@pytest.mark.skipif(not VECTORS, reason="torch resizes bytes in no vectors here")
def test_threads_share_it_and_torchs_settings_stay():
    threads = torch.get_num_threads()
    images = [noise(100 + number, 120) for number in range(8)]
    expected = [squashed(image, 64) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: squashed(images[number % 8], 64), range(64)))
    for number, pixels in enumerate(found):
        np.testing.assert_array_equal(pixels, expected[number % 8])
    assert torch.get_num_threads() == threads


def test_the_array_of_an_image_outlives_it():
    image = noise(37, 51)
    pixels = array_of(Image.fromarray(image))
    gc.collect()
    Image.new("RGB", (51, 37), "white")
    np.testing.assert_array_equal(pixels[..., :3], image)
    np.testing.assert_array_equal(packed(pixels), image)
    assert packed(pixels).flags.c_contiguous


def test_the_array_of_an_image_in_several_pieces():
    image = noise(2200, 2000)  # 17.6 MB, four bytes a pixel
    np.testing.assert_array_equal(array_of(Image.fromarray(image))[..., :3], image)


def test_memory_with_gaps_between_the_rows_is_copied():
    """PILLOW_ALIGNMENT makes such rows."""
    script = (
        "import numpy as np\n"
        "from PIL import Image\n"
        "from deelish.images.decoding.lending import array_of\n"
        "image = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)\n"
        "print(np.array_equal(array_of(Image.fromarray(image)), image))\n"
    )
    environment = {**os.environ, "PILLOW_ALIGNMENT": "64"}
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.skipif(not hasattr(Image.Image, "__arrow_c_array__"), reason="this Pillow lends none")
def test_an_older_pillow_lends_no_memory(monkeypatch):
    image = Image.fromarray(noise(9, 7))
    assert array_of(image).shape == (9, 7, 4)
    with monkeypatch.context() as patch:
        patch.delattr(Image.Image, "__arrow_c_array__")
        lending._lends.cache_clear()
        np.testing.assert_array_equal(array_of(image), np.asarray(image))
    lending._lends.cache_clear()


@pytest.mark.skipif(not hasattr(Image.Image, "__arrow_c_array__"), reason="this Pillow lends none")
def test_lent_memory_is_given_back():
    resource = pytest.importorskip("resource")
    image = noise(1000, 1000)

    def peak():
        for _ in range(50):
            array_of(Image.fromarray(image))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    first = peak()
    # 50 images that stay would be 200 MB, in kilobytes or in bytes.
    assert peak() < 1.02 * first + 20_000


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("width", "height"), [(500, 375), (333, 500), (640, 200), (101, 90)])
def test_a_part_of_a_resized_image_has_the_pixels_of_the_whole(width, height, interpolation):
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rendering = Rendering(96, 128, "center", interpolation)
    whole, part = resized(pixels, rendering), resized(pixels, rendering, (101, 97))
    height, width = part.shape[:2]
    assert height in (97, 98)
    assert width in (101, 102)
    apart = np.abs(whole[:height, :width].astype(int) - part)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.005
