"""Show: pictures of images, with captions."""

import numpy as np
import pytest
from helpers import small
from PIL import Image

from deelish import Input, Show
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
    Show(Input([white] * 2), tmp_path / "plain.png")
    Show(Input([white] * 2), tmp_path / "captions.png", captions=captions)
    assert dark(tmp_path / "plain.png", 100) == 0
    assert dark(tmp_path / "captions.png", 100) > 100
    # Nothing is cut off.
    assert dark(tmp_path / "captions.png", 3) == 0


@pytest.mark.parametrize("captions", ["a", ["a", "b"], [7]])
def test_there_is_one_caption_for_each_image(captions):
    with pytest.raises(DataError, match="give a list of one text for each of 1 images"):
        Show(Input(PIXELS), captions=captions)


def test_logits_have_no_captions():
    with pytest.raises(DataError, match=r"LogitsTensor.* is no image; leave captions= out"):
        Show(small().classify(PIXELS), captions=["a"])
