"""How images become squares: against Pillow's two steps, timm's and torchvision's transforms."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from images.views.photographs_made import photograph
from PIL import Image

from deelish.errors import DataError
from deelish.images.decoding.decode import decode, decode_for
from deelish.images.decoding.decoded_image import LazyImage
from deelish.images.pixels import packed
from deelish.images.views.view import View
from deelish.images.views.window import ViewedImage, render
from deelish.plan.preprocessing import Preprocessing
from deelish.plan.rendering import CROP_MODES, INTERPOLATIONS, Rendering

# Width and height: usual, of the resize's own height, square, tall, small, odd, a panorama.
SIZES = [(500, 375), (341, 256), (300, 300), (333, 500), (90, 61), (640, 427), (900, 300)]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def centre(image, rendering):
    return render(np.asarray(image), View.centre(), rendering)


def close(pixels, expected):
    """At most 2 of 255 apart in each value, and 0.1 on average."""
    assert (pixels.dtype, pixels.shape) == (np.uint8, expected.shape)
    difference = np.abs(pixels.astype(int) - expected)
    assert difference.max() <= 2
    assert difference.mean() <= 0.1


def two_steps(image, width, height, interpolation):
    """Pillow's resize, its rows before its columns as in all Pillows before 13."""
    how = Image.Resampling[interpolation.upper()]
    return image.resize((width, image.height), how).resize((width, height), how)


def sides_by_hand(crop_mode, width, height, side):
    if crop_mode == "squash":
        return side, side
    if crop_mode == "center":
        return (
            (side, int(side * height / width))
            if width <= height
            else (int(side * width / height), side)
        )
    ratio = max(width, height) / side
    return round(width / ratio), round(height / ratio)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("crop_mode", CROP_MODES)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_each_crop_mode_and_interpolation_is_pillows_resize_and_crop(
    width, height, crop_mode, interpolation
):
    image = photograph(width, height)
    resized = two_steps(image, *sides_by_hand(crop_mode, width, height, 161), interpolation)
    # Room on all sides, so that what the window shows beyond the image is the fill.
    framed = Image.new("RGB", (640, 640), (104, 117, 123))
    framed.paste(resized, (100, 100))
    for size, view in ((128, View(0, 0.3, 0.8, False)), (57, View(0, 1.0, 0.0, True))):
        corner = [
            100 + place(side - size, part)
            for side, part in zip(resized.size, (view.left, view.top), strict=True)
        ]
        window = np.asarray(framed.crop((*corner, corner[0] + size, corner[1] + size)))
        rendering = Rendering(size, 161, crop_mode, interpolation, fill=(104, 117, 123))
        pixels = render(np.asarray(image), view, rendering)
        close(pixels, window[:, ::-1] if view.mirror else window)


def place(margin, part):
    """Of the whole places in a margin, each as wide as the others, the one at this part of it."""
    whole = min(int(part * (abs(margin) + 1)), abs(margin))
    return whole if margin >= 0 else -whole


CONFIGS = [
    {"crop_mode": mode, "interpolation": interpolation, "crop_pct": crop, "size": size}
    for mode in CROP_MODES
    for interpolation in ("bilinear", "bicubic")
    for crop, size in ((0.875, 224), (0.95, 128), (0.9, 97), (1.0, 160), (1.15, 128))
]


def takes_columns_first(image, width, height, interpolation):
    """Whether this Pillow does so, which from 13 on it does for some tall images."""
    how = Image.Resampling[interpolation.upper()]
    rows_first = np.asarray(two_steps(image, width, height, interpolation))
    return (rows_first != np.asarray(image.resize((width, height), how))).any()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: "-".join(map(str, config.values())))
def test_a_config_of_timm_is_rendered_as_its_transform_does(config):
    timm_data = pytest.importorskip("timm.data")
    size, mode, how = config["size"], config["crop_mode"], config["interpolation"]
    transform = timm_data.create_transform(
        (3, size, size),
        interpolation=how,
        mean=MEAN,
        std=STD,
        crop_pct=config["crop_pct"],
        crop_mode=mode,
        normalize=False,
    )
    whole = int(size / config["crop_pct"])
    mean = tuple(255 * value for value in MEAN)
    preprocessing = Preprocessing(size, "RGB", mean, 1.0, size / whole, mode, how)
    compared = 0
    for width, height in SIZES:
        image = photograph(width, height)
        if takes_columns_first(image, *sides_by_hand(mode, width, height, whole), how):
            continue
        compared += 1
        expected = transform(image).numpy().transpose(1, 2, 0)
        if mode == "squash" and how == "bilinear":
            # Caffe's way, whose window begins one pixel earlier where its margin is 4n + 3.
            expected = np.roll(expected, whole > size and (whole - size) % 4 == 3, (0, 1))
            expected = expected[1:, 1:]
            close(centre(image, preprocessing.rendering())[1:, 1:], expected)
        else:
            close(centre(image, preprocessing.rendering()), expected)
    assert compared >= 4


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "whole"), [(224, 256), (224, 232), (224, 238), (96, 96)])
def test_a_preset_of_torchvision_is_rendered_as_it_does(size, whole, interpolation, antialias):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    mode = pytest.importorskip("torchvision.transforms").InterpolationMode(interpolation)
    rendering = Rendering(size, whole, "center", interpolation, antialias)
    for width, height in SIZES:
        image = functional.pil_to_tensor(photograph(width, height))
        resized = functional.resize(image, [whole], mode, antialias=antialias)
        expected = functional.center_crop(resized, [size]).numpy().transpose(1, 2, 0)
        close(centre(photograph(width, height), rendering), expected)


def test_the_500_photographs_are_rendered_as_timm_renders_them(photographs):
    timm_data = pytest.importorskip("timm.data")
    for mode, size, crop in (("center", 224, 224 / 256), ("border", 224, 1.0)):
        transform = timm_data.create_transform(
            (3, size, size),
            interpolation="bicubic",
            mean=MEAN,
            std=STD,
            crop_pct=crop,
            crop_mode=mode,
            normalize=False,
        )
        mean = tuple(255 * value for value in MEAN)
        rendering = Preprocessing(size, "RGB", mean, 1.0, crop, mode, "bicubic").rendering()
        for path in sorted((photographs / "images").rglob("*.*"))[::5]:
            image = Image.open(path).convert("RGB")
            whole = rendering.resized_sides(*image.size)
            if not takes_columns_first(image, *whole, "bicubic"):
                close(centre(image, rendering), transform(image).numpy().transpose(1, 2, 0))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("mirror", [False, True])
def test_a_box_is_torchvisions_resized_crop(interpolation, mirror):
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    mode = pytest.importorskip("torchvision.transforms").InterpolationMode(interpolation)
    image = photograph(500, 375)
    left, top, width, height = 37, 20, 301, 222
    box = (left / 500, top / 375, (left + width) / 500, (top + height) / 375)
    tensor = functional.pil_to_tensor(image)
    expected = functional.resized_crop(tensor, top, left, height, width, [128, 128], mode).numpy()
    view = View(0, 0.5, 0.5, mirror, box)
    for crop_mode in CROP_MODES:
        pixels = render(np.asarray(image), view, Rendering(128, 150, crop_mode, interpolation))
        close(pixels[:, ::-1] if mirror else pixels, expected.transpose(1, 2, 0))


def test_a_box_has_at_least_one_pixel():
    image = photograph(30, 20)
    for box in ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0)):
        pixels = render(np.asarray(image), View(0, 0.5, 0.5, False, box), Rendering(8, 9))
        corner = np.asarray(image)[[-1 * int(box[0])], [-1 * int(box[0])]]
        np.testing.assert_array_equal(pixels, np.broadcast_to(corner, (8, 8, 3)))


def test_a_box_is_cut_from_the_whole_of_a_large_jpeg(tmp_path):
    photograph(1201, 803).save(tmp_path / "large.jpg")
    whole = decode(tmp_path / "large.jpg")
    image = LazyImage(lambda size: decode_for(tmp_path / "large.jpg", size))
    rendering = Rendering(28, 32, "center")
    centre = ViewedImage(image, View.centre())
    assert image.at(rendering.resize_size).pixels.shape[:2] == (101, 151)  # at an eighth
    boxed = View(0, 0.5, 0.5, False, (0.31, 0.2, 0.77, 0.7))
    expected = render(whole, boxed, rendering)
    assert centre.window(rendering).shape[:2] == (28, 28)
    np.testing.assert_array_equal(packed(ViewedImage(image, boxed).window(rendering)), expected)


def test_the_bytes_of_a_view_hold_its_window_or_its_box():
    plain, boxed = View(0, 0.5, 0.25, True), View(0, 0.5, 0.25, True, (0.1, 0.2, 0.3, 0.4))
    assert plain.to_bytes()[:17] == boxed.to_bytes()[:17]
    other = View(0, 0.5, 0.25, True, (0.1, 0.2, 0.3, 0.5))
    assert len({plain.to_bytes(), boxed.to_bytes(), other.to_bytes()}) == 3


def test_what_was_cached_of_a_random_window_before_is_not_found():
    """Its places had other probabilities: the same numbers named another window."""
    plain = struct.pack("<dd?", 0.5, 0.25, True)
    assert View(0, 0.5, 0.25, True).to_bytes() != plain
    # A box and the middle are where they were.
    box = (0.1, 0.2, 0.3, 0.4)
    assert View(0, 0.5, 0.25, True, box).to_bytes() == plain + struct.pack("<dddd", *box)
    assert View.centre().to_bytes() == struct.pack("<dd?", 0.5, 0.5, False)


@pytest.mark.parametrize("corner", [(0.0, 1.0), (0.3, 0.8), (0.5, 0.5)])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_of_two_renderings_the_smaller_window_is_inside_the_larger(width, height, corner):
    """On images of one ramp, whose pixels say where they are from."""
    across = np.linspace(0, 255, width)[None, :, None].repeat(height, 0).repeat(3, 2)
    down = np.linspace(0, 255, height)[:, None, None].repeat(width, 1).repeat(3, 2)
    view = View(0, *corner, False)
    small, large = Rendering(96, 128, "center", "bicubic"), Rendering(120, 128)
    # A window begins on a whole pixel, here and there.
    slack = 2 * 255 / 96
    for ramp in (across, down):
        inner, outer = (render(ramp.astype(np.uint8), view, each) for each in (small, large))
        assert inner.min() >= outer.min() - slack
        assert inner.max() <= outer.max() + slack


def test_an_image_that_would_become_too_large_is_refused():
    image = np.zeros((1, 3000, 3), np.uint8)
    assert render(image, View.centre(), Rendering(8, 8)).shape == (8, 8, 3)
    with pytest.raises(DataError, match=r"3000 x 1 pixels would be resized to 768000 x 256, more"):
        render(image, View.centre(), Rendering(224, 256, "center"))
