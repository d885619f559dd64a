"""comparison.worst: the images on which teacher and student differ most, to be looked at."""

import numpy as np
import pytest
from helpers import small, trained, write_set
from PIL import Image
from series import classifier, numbers, write

from deelish import Compare, Deel, InputBatch, Show
from deelish.errors import DataError
from deelish.plan.sequence_format import SequenceFormat


@pytest.fixture
def report(tmp_path):
    with Deel(seed=1):
        lists = write_set(tmp_path, "train", 32), write_set(tmp_path, "val", 20, first=32)
        InputBatch(*lists, batch_size=8, crop=1, mirror=False)
        yield Compare(trained(small("Teacher")), trained(small("Student"), 1), str(lists[1]))


def test_they_are_those_with_the_highest_divergence(report):
    worst = report.worst(5)
    assert len(worst) == 5
    assert worst.rows == report.different["student"][:5]
    divergence = [row["kl"] for row in worst.rows]
    assert divergence == sorted(divergence, reverse=True)
    first = worst.rows[0]
    with Image.open(first["path"]) as image:
        expected = np.asarray(image.convert("RGB"))
    # Each of 16 x 16 pixels is 10 x 10.
    shown = worst.images[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(shown, expected.repeat(10, 0).repeat(10, 1))
    assert worst.captions[0].startswith(f"true: {first['true']}\nteacher: {first['teacher']} ")
    assert first["path"] in repr(worst)


@pytest.mark.parametrize(("size", "shown"), [((70, 30), (140, 60)), ((400, 200), (160, 80))])
def test_an_image_is_as_large_as_its_square_allows(report, size, shown):
    Image.new("RGB", size, (200, 0, 0)).save(report.worst(1).rows[0]["path"])
    square = report.worst(1).images[0]
    rows, columns = np.nonzero(square[0] == 200)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == shown
    # In the middle, on grey.
    assert rows.min() == 160 - 1 - rows.max()
    assert (square[:, : rows.min()] == 128).all()


def test_they_are_shown_in_rows_of_four(report, tmp_path):
    assert len(report.worst()) == 12
    for count, rows in ((3, 1), (6, 2), (12, 3)):
        Show(report.worst(count), save=tmp_path / "worst.png")
        with Image.open(tmp_path / "worst.png") as picture:
            width, height = picture.size
        assert height / rows == pytest.approx(width / min(count, 4) * 1.46, rel=0.15)


def test_a_notebook_shows_all_of_them(report):
    assert report.worst(10)._repr_html_().count("<img") == 10
    assert report._ipython_key_completions_() == list(report.rows)


def test_what_is_not_there_is_refused(report, tmp_path):
    with pytest.raises(DataError, match=r"^worst: there is no network 'pupil'; there is student$"):
        report.worst(student="pupil")
    with pytest.raises(DataError, match=r"worst\(0\): give how many images"):
        report.worst(0)
    with pytest.raises(DataError, match="has captions of its own"):
        Show(report.worst(2), captions=["a", "b"])
    net = classifier(SequenceFormat("numbers", 2))
    net.untrained.clear()
    lines = write(tmp_path, "test.tsv", numbers(5, fields=2))
    with pytest.raises(DataError, match=r"test.tsv line \d: is no image"):
        Compare(net, net, test=lines).worst()
