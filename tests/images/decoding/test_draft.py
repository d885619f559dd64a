"""Large JPEGs are decoded at a smaller scale, which depends on their size and the resize alone."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from images.loaded_batches import decoded
from PIL import Image, ImageFilter

from deelish.errors import DataError
from deelish.images.cache.disk import DiskCache
from deelish.images.cache.memory import MemoryCache
from deelish.images.decoding.decode import decode_for
from deelish.images.decoding.reducing import SCALES, is_right_scale, scale_for
from deelish.images.in_memory import InMemoryImages
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.images.views.view import View
from deelish.images.views.window import render
from deelish.plan.rendering import Rendering

# For an image of about 125 x 90 pixels: at a half twice, whole, at a quarter, at an eighth.
SIZES = (16, 20, 40, 8, 5)
RENDERINGS = tuple(map(Rendering, (14, 15, 33, 7, 4), SIZES))
NAMES = [f"{index}.jpg" for index in range(5)]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """train.txt in the working folder: five JPEGs of odd sizes, one of them turned on its side."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    turned = Image.Exif()
    turned[0x0112] = 6
    for index, name in enumerate(NAMES):
        pixels = draw.integers(0, 256, (90 + index, 125 + index, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1))
        image.save(name, quality=90, **({"exif": turned} if index == 3 else {}))
    Path("train.txt").write_text("".join(f"{name} {index}\n" for index, name in enumerate(NAMES)))
    return "train.txt"


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    return MemoryCache() if request.param == "memory" else DiskCache(tmp_path / "cache")


def loader_of(source, renderings, cache=None, **augmentation):
    options = ReadOptions(cache=cache, **augmentation)
    loader = Loader(read_samples(source), batch_size=5, seed=3, read_options=options, workers=1)
    loader.renderings |= set(renderings)
    return loader


def shown(source, renderings, cache=None, **augmentation):
    """The pixels of each rendering in an epoch."""
    (batch,) = loader_of(source, renderings, cache, **augmentation).batches(1, training=True)
    return [batch.pixels(rendering).tobytes() for rendering in renderings]


def by_pillow(path, scale):
    """What Pillow's own draft makes of a file, upright: 3.jpg is turned."""
    with Image.open(path) as image:
        image.draft("RGB", (image.width // scale, image.height // scale))
        return np.asarray(image.transpose(Image.Transpose.ROTATE_270) if "3" in path else image)


@pytest.mark.parametrize(
    ("width", "height", "resize_size", "scale"),
    [
        *((500, 375, 256, 1), (4000, 3000, 256, 4), (3000, 4000, 224, 4), (2000, 1500, 256, 2)),
        *((1023, 9999, 256, 2), (1022, 9999, 256, 1), (4089, 4089, 256, 8), (4088, 4088, 256, 4)),
        *((99999, 300, 256, 1), (32, 32, 28, 1), (99999, 99999, 1, 8), (1, 1, 1, 1)),
    ],
)
def test_the_scale_leaves_twice_the_resize_size(width, height, resize_size, scale):
    assert scale_for(width, height, resize_size) == scale


def test_a_reduced_image_shows_whether_it_has_the_right_scale():
    sides = [*range(1, 70), 333, 1000, 1023, 1025]
    for side, resize_size, scale in itertools.product(sides, (1, 2, 3, 7, 16, 40), SCALES):
        reduced = -(-side // scale)
        right = scale == scale_for(side, 2000, resize_size)
        assert is_right_scale(reduced, -(-2000 // scale), scale, resize_size) is right


def test_a_jpeg_is_what_pillows_draft_makes_of_it(photos):
    for name, resize_size in itertools.product(NAMES, SIZES):
        pixels, scale, *_ = decode_for(name, resize_size)
        np.testing.assert_array_equal(pixels, by_pillow(name, scale))
    assert [decode_for("0.jpg", size)[1] for size in SIZES] == [2, 2, 1, 4, 8]
    assert decode_for("0.jpg", 8)[0].shape == (23, 32, 3)
    assert decode_for("0.jpg", 8, Path("0.jpg").read_bytes())[0].shape == (23, 32, 3)


def test_other_formats_are_decoded_whole(photos):
    for ending in ("png", "bmp", "webp", "ppm", "gif"):
        Image.open("0.jpg").save(f"0.{ending}")
        pixels, scale, *_ = decode_for(f"0.{ending}", 5)
        assert (pixels.shape[:2], scale) == ((90, 125), None)


def test_grey_and_cmyk_are_reduced_too(photos):
    for mode in ("L", "CMYK"):
        Image.open("0.jpg").convert(mode).save("odd.jpg")
        pixels, scale, *_ = decode_for("odd.jpg", 8)
        with Image.open("odd.jpg") as image:
            image.draft(None, (31, 22))
            np.testing.assert_array_equal(pixels[..., :3], image.convert("RGB"))
        assert scale == 4


@pytest.mark.parametrize("augmentation", [{}, {"views": 2}, {"mix": "mixup"}], ids=str)
def test_pixels_depend_on_their_own_rendering_alone(augmentation, photos):
    together = shown(photos, RENDERINGS, **augmentation)
    assert together == [shown(photos, [rendering], **augmentation)[0] for rendering in RENDERINGS]
    (batch,) = loader_of(photos, [], **augmentation).batches(1, training=True)
    assert together == [batch.pixels(rendering).tobytes() for rendering in RENDERINGS]


def test_pixels_are_a_view_of_the_reduced_image(photos):
    (batch,) = loader_of(photos, RENDERINGS).batches(0, training=False)
    for rendering, scale in zip(RENDERINGS, (2, 2, 1, 4, 8), strict=True):
        images = [by_pillow(name, scale) for name in NAMES]
        expected = [render(image, View.centre(), rendering) for image in images]
        np.testing.assert_array_equal(batch.pixels(rendering), expected)


def test_an_image_is_decoded_once_for_each_scale(photos, monkeypatch):
    seen = decoded(monkeypatch)
    shown(photos, RENDERINGS)
    assert sorted(seen) == sorted(4 * NAMES)
    seen.clear()
    shown(photos, RENDERINGS[:2])
    assert sorted(seen) == NAMES


@pytest.mark.parametrize("augmentation", [{}, {"views": 2}, {"mix": "cutmix", "views": 2}], ids=str)
def test_cached_images_show_the_same(augmentation, cache, photos, monkeypatch):
    plain = shown(photos, RENDERINGS, **augmentation)
    seen = decoded(monkeypatch)
    for _ in range(2):
        assert shown(photos, RENDERINGS, cache, **augmentation) == plain
    assert sorted(seen) == sorted(4 * NAMES)
    assert cache.count == 5
    assert cache.bytes == sum(
        decode_for(name, resize_size)[0].nbytes for name in NAMES for resize_size in (5, 8, 16, 40)
    )


def test_a_resize_of_the_same_scale_takes_the_cached_image(cache, photos, monkeypatch):
    shown(photos, RENDERINGS[:1], cache)
    seen = decoded(monkeypatch)
    assert shown(photos, RENDERINGS[1:2], cache) == shown(photos, RENDERINGS[1:2])
    assert len(seen) == 5  # those without a cache
    shown(photos, RENDERINGS[:3], cache)
    assert len(seen) == 10  # the whole images are new


def test_a_later_run_finds_each_scale_on_disk(photos, tmp_path, monkeypatch):
    first, later = shown(photos, RENDERINGS[:3], DiskCache(tmp_path / "cache")), []
    seen = decoded(monkeypatch)
    for rendering in RENDERINGS[:3]:
        later += shown(photos, [rendering], DiskCache(tmp_path / "cache"))
    assert later == first
    assert seen == []
    cache = DiskCache(tmp_path / "cache")
    shown(photos, RENDERINGS[:1], cache)
    assert cache.summary(5) == f"decoded images: 5 cached on disk, {cache.bytes / 1000:.1f} kB"


def test_a_full_cache_gives_the_scales_that_it_has(photos, tmp_path, monkeypatch):
    shown(photos, RENDERINGS[3:], DiskCache(tmp_path / "cache"))
    monkeypatch.setattr("deelish.images.cache.disk.free_disk", lambda folder: 0)
    cache, seen = DiskCache(tmp_path / "cache"), decoded(monkeypatch)
    for _ in range(3):
        assert shown(photos, RENDERINGS, cache) == shown(photos, RENDERINGS)
    # Without a cache, four scales of each in each epoch; with it, the whole ones and the halves.
    assert len(seen) == 3 * 5 * (4 + 2)


def test_a_file_that_changed_between_two_scales_is_refused(photos):
    cache = MemoryCache()
    shown(photos, RENDERINGS[:1], cache, views=2)
    Image.new("RGB", (125, 90), "red").save("2.jpg")
    message = r"train.txt line 3: 2.jpg has changed since it was first read; start the training"
    with pytest.raises(DataError, match=message):
        shown(photos, RENDERINGS, cache, views=2)


def test_a_file_given_directly_is_decoded_as_in_a_training(photos):
    (batch,) = loader_of(photos, RENDERINGS).batches(0, training=False)
    images = InMemoryImages.of(NAMES)
    for name in NAMES:
        Path(name).unlink()
    for rendering in RENDERINGS:
        np.testing.assert_array_equal(images.pixels(rendering), batch.pixels(rendering))


def test_an_image_or_array_given_directly_is_used_as_it_is(photos):
    image = by_pillow("0.jpg", 1)
    for source in (image, Image.fromarray(image), Image.open("0.jpg")):
        pixels = InMemoryImages.of(source).pixels(Rendering(4, 5))
        np.testing.assert_array_equal(pixels[0], render(image, View.centre(), Rendering(4, 5)))


def test_the_limit_counts_the_pixels_of_the_file(photos):
    data = bytearray(Path("0.jpg").read_bytes())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = (8000).to_bytes(2) + (8001).to_bytes(2)
    Path("0.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"0.jpg: the image has 8001 x 8000 pixels; make it"):
        decode_for("0.jpg", 8)


def test_a_truncated_file_is_refused_at_each_scale(photos):
    data = Path("0.jpg").read_bytes()
    Path("0.jpg").write_bytes(data[: len(data) * 9 // 10])
    for resize_size in SIZES:
        with pytest.raises(DataError, match=r"0.jpg: the image is cut off \("):
            decode_for("0.jpg", resize_size)
    with pytest.raises(DataError, match=r"0.jpg: the image is cut off \("):
        InMemoryImages.of("0.jpg")
