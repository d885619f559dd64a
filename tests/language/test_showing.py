"""Show: pictures of images, with captions."""

import numpy as np
import pytest
from arrays import reconstruction
from helpers import small
from PIL import Image

from deelish import AddNoise, Input, Layer, Network, Show
from deelish.errors import DataError

pytestmark = pytest.mark.usefixtures("session")

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_show_writes_a_picture_where_there_is_no_screen(tmp_path, capsys):
    Show(Input([PIXELS] * 3), save=tmp_path / "shown.png")
    with Image.open(tmp_path / "shown.png") as picture:
        assert picture.width > 300
    assert "written:" in capsys.readouterr().out


def dark(path, rows):
    """How many pixels of the first rows of a picture are dark."""
    with Image.open(path) as picture:
        return int((np.asarray(picture.convert("L"))[:rows] < 100).sum())


def test_captions_are_above_the_images(tmp_path):
    white = np.full((20, 20, 3), 255, np.uint8)
    captions = ["a cat", "no cat\nbut a dog\nin the sun\nand a bird"]
    Show(Input([white] * 2), save=tmp_path / "plain.png")
    Show(Input([white] * 2), save=tmp_path / "captions.png", captions=captions)
    assert dark(tmp_path / "plain.png", 100) == 0
    assert dark(tmp_path / "captions.png", 100) > 100
    # Nothing is cut off.
    assert dark(tmp_path / "captions.png", 3) == 0


@pytest.mark.parametrize("captions", ["a", ["a", "b"], [7]])
def test_there_is_one_caption_for_each_image(captions):
    with pytest.raises(DataError, match="give a list of one text for each of 1 images"):
        Show(Input(PIXELS), captions=captions)


def test_reconstructions_are_below_the_images(tmp_path):
    net = reconstruction()
    images = Input([PIXELS] * 3)
    Show(images, net.forward(images), AddNoise(images), save=tmp_path / "three.png")
    Show(images, save=tmp_path / "one.png")
    with Image.open(tmp_path / "three.png") as three, Image.open(tmp_path / "one.png") as one:
        assert three.width == one.width
        assert three.height > 2.5 * one.height


@pytest.mark.parametrize(
    ("order", "mean", "scale"), [("L", 0, 1 / 255), ("BGR", (10, 20, 30), 1 / 64), ("RGB", 0, 1)]
)
def test_an_output_is_shown_as_the_pixels_that_its_network_sees(order, mean, scale):
    rows = [Layer("same", "Power")]
    net = Network(rows, in_size=20, order=order, mean=mean, scale=scale, crop=1)
    square = PIXELS[:, :20] if order != "L" else np.repeat(PIXELS[:, :20, :1], 3, 2)
    shown = net.forward(square).images
    np.testing.assert_allclose(shown[0].transpose(1, 2, 0), square, atol=0.01)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (lambda images: [small().classify(images)], "is no image; give images"),
        (lambda images: ["shown.png"], "a file is named with save="),
        (lambda images: [Input(PIXELS)], "there are 3 images in one row and 1 in another"),
    ],
    ids=["logits", "path", "unequal"],
)
def test_rows_that_cannot_be_shown_are_refused(others, words, tmp_path):
    images = Input([PIXELS] * 3)
    with pytest.raises(DataError, match=words):
        Show(images, *others(images), save=tmp_path / "shown.png")


def test_logits_have_no_captions():
    with pytest.raises(DataError, match=r"LogitsTensor.* is no image; leave captions= out"):
        Show(small().classify(PIXELS), captions=["a"])


def test_the_maps_of_a_layer_are_a_row_for_each_image(tmp_path):
    rows = [Layer("conv", "Convolution", num_output=3, kernel_size=3, pad=1)]
    net = Network([*rows, Layer("score", "InnerProduct", num_output=2)], in_size=8, name="Maps")
    features = net.feature([PIXELS] * 2, layer="conv")
    maps = features.maps
    assert maps.shape == (2, 3, 8, 8)
    values = features.value[1, 2]
    expected = 255 * (values - values.min()) / (values.max() - values.min())
    np.testing.assert_allclose(maps[1, 2], expected, atol=1)
    Show(features, save=tmp_path / "maps.png")
    with Image.open(tmp_path / "maps.png") as picture:
        assert 1.2 < picture.width / picture.height < 1.6
    with pytest.raises(DataError, match="is printed, no plot; leave save= out"):
        Show(net.feature(PIXELS, layer="score"), save=tmp_path / "score.png")
