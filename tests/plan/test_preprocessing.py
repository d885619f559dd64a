"""What a network does to pixels, against NumPy formulas and Pillow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from deelish.errors import DataError
from deelish.plan.preprocessing import Preprocessing, given_pixels

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


def test_bgr_with_a_mean_per_channel_is_caffes_input():
    values = Preprocessing(8, "BGR", (104.0, 117.0, 123.0)).apply(PIXELS)
    red, green, blue = (PIXELS[..., c].astype(np.float64) for c in range(3))
    expected = np.stack([blue - 104, green - 117, red - 123], axis=1)
    np.testing.assert_array_equal(values, expected)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous


def test_rgb_with_one_mean_and_a_scale():
    values = Preprocessing(8, "RGB", (127.5,), 1 / 127.5).apply(PIXELS)
    expected = (PIXELS.transpose(0, 3, 1, 2) - 127.5) / 127.5
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)
    assert values.flags.c_contiguous


def test_a_scale_per_channel_is_torchvisions_normalisation():
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    made = Preprocessing(8, "RGB", tuple(mean * 255), tuple(1 / (255 * std)), 1.0)
    expected = ((PIXELS / 255 - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(made.apply(PIXELS), expected, rtol=0, atol=1e-5)


def test_a_scale_per_channel_follows_the_order():
    values = Preprocessing(8, "BGR", (0.0,), (1.0, 2.0, 3.0)).apply(PIXELS)
    np.testing.assert_array_equal(values[:, 2], 3.0 * PIXELS[..., 0])
    np.testing.assert_array_equal(values[:, 0], PIXELS[..., 2])


def test_grey_is_pillows_grey_for_every_kind_of_colour():
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)[: 364**2]
    pixels = colours.reshape(1, 364, 364, 3)
    values = Preprocessing(364, "L", scale=0.5).apply(pixels)
    expected = np.asarray(Image.fromarray(pixels[0]).convert("L"), np.float32) * 0.5
    assert values.shape == (1, 1, 364, 364)
    np.testing.assert_array_equal(values[0, 0], expected)


@pytest.mark.parametrize(
    ("size", "crop", "side"),
    [(224, 224 / 256, 256), (227, 227 / 256, 256), (28, 1.0, 28), (299, 0.875, 342)],
)
def test_resize_size_is_the_side_that_the_window_is_cut_from(size, crop, side):
    assert Preprocessing(size, crop=crop).resize_size() == side


@pytest.mark.parametrize(("order", "channels"), [("BGR", 3), ("RGB", 3), ("L", 1)])
def test_channels(order, channels):
    assert Preprocessing(4, order).channels == channels


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(224),
        Preprocessing(227, "BGR", (104.00698793, 116.66876762, 122.67891434), crop=227 / 256),
        Preprocessing(28, "L", (33.3,), 1 / 255, 1.0),
        Preprocessing(224, "RGB", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3)),
    ],
)
def test_json_gives_the_same_back(preprocessing):
    text = json.dumps(preprocessing.to_dict())
    assert Preprocessing.from_dict(json.loads(text)) == preprocessing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size is 0; give whole pixels, 1 or more"),
        ({"size": "224"}, "size is '224'; give whole pixels"),
        ({"order": "GBR"}, "order is 'GBR'; give 'BGR', 'RGB' or 'L'"),
        ({"mean": (1.0, 2.0)}, "mean has 2 numbers; give 1 or 3 for order 'BGR'"),
        ({"mean": (1.0,) * 3, "order": "L"}, "mean has 3 numbers; give 1 for order 'L'"),
        ({"mean": ()}, "mean has 0 numbers"),
        ({"mean": (float("nan"),)}, "mean is .nan,.; give a tuple of numbers"),
        ({"mean": 104.0}, "mean is 104.0; give a tuple of numbers"),
        ({"scale": 0}, "scale is 0; give a number other than 0"),
        ({"scale": float("inf")}, "scale is inf"),
        ({"scale": (1.0, 0.0, 1.0)}, "scale is .1.0, 0.0, 1.0.; give a number other than 0"),
        ({"scale": (1.0, 2.0)}, "scale has 2 numbers; give 1 or 3 for order 'BGR'"),
        ({"scale": ()}, "scale has 0 numbers"),
        ({"scale": [1.0, 2.0, 3.0]}, "scale is .1.0, 2.0, 3.0.; .* or a tuple of one per channel"),
        ({"crop": 0.0}, "crop is 0.0; give a number above 0 and up to 2"),
        ({"crop": 2.01}, "crop is 2.01"),
    ],
)
def test_values_that_cannot_be_used_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        Preprocessing(**{"size": 224, **change})


def test_what_was_written_before_scales_per_channel_still_loads():
    old = {"size": 8, "order": "L", "mean": [0.0], "scale": 0.5, "share": 1.0}
    assert Preprocessing.from_dict(old) == Preprocessing(8, "L", (0.0,), 0.5, 1.0)
    assert Preprocessing.from_dict(old).to_dict() == old


@pytest.mark.parametrize(
    "values",
    [
        {"size": 224},
        {**Preprocessing(224).to_dict(), "crop": 3},
        {**Preprocessing(224).to_dict(), "mean": 3.0},
    ],
)
def test_foreign_json_is_refused(values):
    with pytest.raises(DataError, match="give size, order, a list mean, scale and share"):
        Preprocessing.from_dict(values)


@pytest.mark.parametrize("pixels", [PIXELS[:, :, :7], PIXELS[0], PIXELS.astype(np.float32)])
def test_pixels_of_another_shape_or_type_are_refused(pixels):
    with pytest.raises(DataError, match=r"give uint8 \(n, 8, 8, 3\)"):
        Preprocessing(8).apply(pixels)


def test_only_what_differs_from_caffes_way_is_written():
    plain = Preprocessing(8)
    assert set(plain.to_dict()) == {"size", "order", "mean", "scale", "share"}
    other = Preprocessing(8, crop_mode="center", interpolation="bicubic", antialias=False)
    added = {"crop_mode": "center", "interpolation": "bicubic", "antialias": False}
    assert other.to_dict() == plain.to_dict() | added
    assert Preprocessing.from_dict(json.loads(json.dumps(other.to_dict()))) == other


@pytest.mark.parametrize(
    ("order", "mean", "fill"),
    [
        ("RGB", (122.7, 116.5, 300.0), (123, 116, 255)),
        ("BGR", (104.0, 117.0, 123.0), (123, 117, 104)),
        ("L", (33.3,), (33, 33, 33)),
        ("RGB", (0.0,), (0, 0, 0)),
    ],
)
def test_a_border_has_the_colour_of_the_mean(order, mean, fill):
    assert Preprocessing(8, order, mean, crop_mode="border").rendering().fill == fill
    assert Preprocessing(8, order, mean, crop_mode="center").rendering().fill == (0, 0, 0)


def test_one_number_is_that_of_every_channel():
    given = given_pixels("Network", {"mean": 33, "scale": 2, "crop": 1})
    assert given == {"mean": (33.0,), "scale": 2.0, "crop": 1}
    assert given_pixels("Network", {"mean": [1, 2, 3]}) == {"mean": (1.0, 2.0, 3.0)}
