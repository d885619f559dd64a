"""Large JPEGs are decoded at a smaller scale, by a rule of their size and the base alone."""

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
from deelish.images.decoding.reducing import SCALES, scale_for, serves
from deelish.images.lists import read_items
from deelish.images.loader import Loader
from deelish.images.stills import Stills
from deelish.images.views.recipes import Showing
from deelish.images.views.view import View, render

# For an image of about 125 x 90 pixels: at a half twice, whole, at a quarter, at an eighth.
SPECS = ((14, 16), (15, 20), (33, 40), (7, 8), (4, 5))
NAMES = [f"{index}.jpg" for index in range(5)]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """train.txt in the working folder: five JPEGs of odd sizes, one that lies on its side."""
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
    return MemoryCache() if request.param == "memory" else DiskCache(tmp_path / "kept")


def loader_of(source, specs, cache=None, **showing):
    options = Showing(cache=cache, **showing)
    loader = Loader(read_items(source), batch_size=5, seed=3, showing=options, workers=1)
    loader.wanted |= set(specs)
    return loader


def shown(source, specs, cache=None, **showing):
    """The pixels of each spec in an epoch."""
    (batch,) = loader_of(source, specs, cache, **showing).batches(1, training=True)
    return [batch.pixels(*spec).tobytes() for spec in specs]


def by_pillow(path, scale):
    """What Pillow's own draft makes of a file, upright as 3.jpg wants it."""
    with Image.open(path) as image:
        image.draft("RGB", (image.width // scale, image.height // scale))
        return np.asarray(image.transpose(Image.Transpose.ROTATE_270) if "3" in path else image)


@pytest.mark.parametrize(
    ("width", "height", "base", "scale"),
    [
        *((500, 375, 256, 1), (4000, 3000, 256, 4), (3000, 4000, 224, 4), (2000, 1500, 256, 2)),
        *((1023, 9999, 256, 2), (1022, 9999, 256, 1), (4089, 4089, 256, 8), (4088, 4088, 256, 4)),
        *((99999, 300, 256, 1), (32, 32, 28, 1), (99999, 99999, 1, 8), (1, 1, 1, 1)),
    ],
)
def test_the_scale_leaves_twice_the_base(width, height, base, scale):
    assert scale_for(width, height, base) == scale


def test_a_reduced_image_tells_whether_it_is_the_one():
    sides = [*range(1, 70), 333, 1000, 1023, 1025]
    for side, base, scale in itertools.product(sides, (1, 2, 3, 7, 16, 40), SCALES):
        reduced = -(-side // scale)
        wanted = scale == scale_for(side, 2000, base)
        assert serves(reduced, -(-2000 // scale), scale, base) is wanted


def test_a_jpeg_is_what_pillows_draft_makes_of_it(photos):
    for name, (_, base) in itertools.product(NAMES, SPECS):
        pixels, scale = decode_for(name, base)
        np.testing.assert_array_equal(pixels, by_pillow(name, scale))
    assert [decode_for("0.jpg", base)[1] for _, base in SPECS] == [2, 2, 1, 4, 8]
    assert decode_for("0.jpg", 8)[0].shape == (23, 32, 3)
    assert decode_for("0.jpg", 8, Path("0.jpg").read_bytes())[0].shape == (23, 32, 3)


def test_other_formats_are_decoded_whole(photos):
    for ending in ("png", "bmp", "webp", "ppm", "gif"):
        Image.open("0.jpg").save(f"0.{ending}")
        pixels, scale = decode_for(f"0.{ending}", 5)
        assert (pixels.shape[:2], scale) == ((90, 125), None)


def test_grey_and_printed_colours_are_reduced_too(photos):
    for mode in ("L", "CMYK"):
        Image.open("0.jpg").convert(mode).save("odd.jpg")
        pixels, scale = decode_for("odd.jpg", 8)
        with Image.open("odd.jpg") as image:
            image.draft(None, (31, 22))
            np.testing.assert_array_equal(pixels[..., :3], image.convert("RGB"))
        assert scale == 4


@pytest.mark.parametrize("showing", [{}, {"views": 2}, {"mix": "mixup"}], ids=str)
def test_pixels_hang_on_their_own_spec_alone(showing, photos):
    together = shown(photos, SPECS, **showing)
    assert together == [shown(photos, [spec], **showing)[0] for spec in SPECS]
    (batch,) = loader_of(photos, [], **showing).batches(1, training=True)
    assert together == [batch.pixels(*spec).tobytes() for spec in SPECS]


def test_pixels_are_a_view_of_the_reduced_image(photos):
    (batch,) = loader_of(photos, SPECS).batches(0, training=False)
    for (size, base), scale in zip(SPECS, (2, 2, 1, 4, 8), strict=True):
        images = [by_pillow(name, scale) for name in NAMES]
        wanted = [render(image, View.centre(), size, base) for image in images]
        np.testing.assert_array_equal(batch.pixels(size, base), wanted)


def test_an_image_is_decoded_once_for_each_scale(photos, monkeypatch):
    seen = decoded(monkeypatch)
    shown(photos, SPECS)
    assert sorted(seen) == sorted(4 * NAMES)
    seen.clear()
    shown(photos, SPECS[:2])
    assert sorted(seen) == NAMES


@pytest.mark.parametrize("showing", [{}, {"views": 2}, {"mix": "cutmix", "views": 2}], ids=str)
def test_cached_images_show_the_same(showing, cache, photos, monkeypatch):
    plain = shown(photos, SPECS, **showing)
    seen = decoded(monkeypatch)
    for _ in range(2):
        assert shown(photos, SPECS, cache, **showing) == plain
    assert sorted(seen) == sorted(4 * NAMES)
    assert cache.count == 5
    assert cache.bytes == sum(
        decode_for(name, base)[0].nbytes for name in NAMES for base in (5, 8, 16, 40)
    )


def test_a_base_of_the_same_scale_is_served_by_what_is_kept(cache, photos, monkeypatch):
    shown(photos, SPECS[:1], cache)
    seen = decoded(monkeypatch)
    assert shown(photos, SPECS[1:2], cache) == shown(photos, SPECS[1:2])
    assert len(seen) == 5  # those without
    shown(photos, SPECS[:3], cache)
    assert len(seen) == 10  # the whole images are new


def test_a_later_run_finds_each_scale_on_disk(photos, tmp_path, monkeypatch):
    first, later = shown(photos, SPECS[:3], DiskCache(tmp_path / "kept")), []
    seen = decoded(monkeypatch)
    for spec in SPECS[:3]:
        later += shown(photos, [spec], DiskCache(tmp_path / "kept"))
    assert later == first
    assert seen == []
    cache = DiskCache(tmp_path / "kept")
    shown(photos, SPECS[:1], cache)
    assert cache.summary(5) == f"decoded images: 5 cached on disk, {cache.bytes / 1000:.1f} kB"


def test_a_full_cache_gives_the_scales_that_it_has(photos, tmp_path, monkeypatch):
    shown(photos, SPECS[3:], DiskCache(tmp_path / "kept"))
    monkeypatch.setattr("deelish.images.cache.disk.free_disk", lambda folder: 0)
    cache, seen = DiskCache(tmp_path / "kept"), decoded(monkeypatch)
    for _ in range(3):
        assert shown(photos, SPECS, cache) == shown(photos, SPECS)
    # Without, four of each in each epoch; with, the whole ones and the halves.
    assert len(seen) == 3 * 5 * (4 + 2)


def test_a_file_that_changed_between_two_scales_is_refused(photos):
    cache = MemoryCache()
    shown(photos, SPECS[:1], cache, views=2)
    Image.new("RGB", (125, 90), "red").save("2.jpg")
    message = r"train.txt line 3: 2.jpg has changed since it was first read; start the training"
    with pytest.raises(DataError, match=message):
        shown(photos, SPECS, cache, views=2)


def test_a_file_at_the_prompt_is_seen_as_in_a_training(photos):
    (batch,) = loader_of(photos, SPECS).batches(0, training=False)
    stills = Stills.of(NAMES)
    for name in NAMES:
        Path(name).unlink()
    for spec in SPECS:
        np.testing.assert_array_equal(stills.pixels(*spec), batch.pixels(*spec))


def test_an_image_or_array_at_the_prompt_is_taken_as_it_is(photos):
    whole = by_pillow("0.jpg", 1)
    for source in (whole, Image.fromarray(whole), Image.open("0.jpg")):
        pixels = Stills.of(source).pixels(4, 5)
        np.testing.assert_array_equal(pixels[0], render(whole, View.centre(), 4, 5))


def test_the_pixels_of_the_file_are_those_that_are_too_many(photos):
    data = bytearray(Path("0.jpg").read_bytes())
    start = data.index(b"\xff\xc0") + 5
    data[start : start + 4] = (8000).to_bytes(2) + (8001).to_bytes(2)
    Path("0.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"0.jpg: the image has 8001 x 8000 pixels; make it"):
        decode_for("0.jpg", 8)


def test_a_truncated_file_is_refused_at_each_scale(photos):
    data = Path("0.jpg").read_bytes()
    Path("0.jpg").write_bytes(data[: len(data) * 9 // 10])
    for _, base in SPECS:
        with pytest.raises(DataError, match=r"0.jpg: the image is cut off \("):
            decode_for("0.jpg", base)
    with pytest.raises(DataError, match=r"0.jpg: the image is cut off \("):
        Stills.of("0.jpg")
