"""comparison.confusion: which classes a network takes for which."""

import json

import numpy as np
import pytest
from comparison.corners import LABELS, corners, known
from helpers import small
from PIL import Image

from deelish import Compare, Deel, Show
from deelish.comparison.confusion import Confusion
from deelish.errors import DataError
from deelish.images import read_samples


@pytest.fixture
def student():
    with Deel(seed=1):
        yield known(small("Student", labels=LABELS))


@pytest.fixture
def report(student, sets):
    return Compare(corners(), student, sets[0], train=sets[1])


def cell(true, predicted, images):
    names = ("cat", "dog", "fox")
    return {
        "true": names[true],
        "predicted": names[predicted],
        "true_label": true,
        "predicted_label": predicted,
        "images": images,
    }


def test_the_counts_are_those_of_the_predictions(report, student, sets):
    """Against NumPy, from the logits of the student and the labels of the list."""
    samples = read_samples(sets[0])
    logits = student.batch_feature([sample.path for sample in samples]).value
    made = report.confusion()
    expected = np.zeros((4, 4), int)
    np.add.at(expected, ([sample.label for sample in samples], logits.argmax(1)), 1)
    occurring = np.flatnonzero(expected.sum(0) + expected.sum(1))
    assert made.names == [LABELS[index] for index in occurring]
    np.testing.assert_array_equal(made.counts, expected[np.ix_(occurring, occurring)])


def test_a_teacher_that_is_right_has_a_diagonal(report):
    made = report.confusion("teacher")
    assert (made.counts == np.diag(np.diag(made.counts))).all()
    assert made.counts.sum() == 24
    assert made.pairs == []
    assert set(report.confusions) == {"teacher", "student", "student int8"}
    assert json.loads(json.dumps(report.to_dict()))["confusions"]["teacher"][0]["images"] == 6


def test_the_most_frequent_confusions_come_first():
    made = Confusion([cell(0, 0, 5), cell(0, 1, 2), cell(2, 0, 3), cell(1, 1, 1)])
    assert made.pairs == [("fox", "cat", 3, 3), ("cat", "dog", 2, 7)]


def test_it_prints_a_row_for_each_true_class():
    made = Confusion([cell(0, 0, 5), cell(0, 1, 2), cell(2, 0, 31)])
    assert repr(made).splitlines() == [
        "     cat  dog  fox  (predicted; a row for each true class)",
        "cat    5    2    0",
        "dog    0    0    0",
        "fox   31    0    0",
    ]


def test_many_classes_print_the_pairs():
    rows = [
        {"true": f"t{n}", "predicted": f"t{n + 1}", "true_label": n, "predicted_label": n + 1}
        | {"images": 1 + n}
        for n in range(40)
    ]
    made = Confusion(rows)
    lines = repr(made).splitlines()
    assert lines[0] == "t39 was taken for t40: 40 of 40"
    assert len(lines) == 12
    assert "t39 was taken for t40" in made._repr_html_()


def test_a_notebook_and_the_page_show_shaded_cells(report, tmp_path):
    made = Confusion([cell(0, 0, 3), cell(0, 1, 1)])
    html = made._repr_html_()
    assert ">3</td>" in html
    # Seven tenths of the deepest shade for three of four images.
    assert "rgba(72, 120, 168, 0.52)" in html
    assert "<script" not in html
    report.save(tmp_path / "report.html")
    assert "What the student takes for what" in (tmp_path / "report.html").read_text()


def test_a_script_writes_a_picture(report, tmp_path):
    Show(report.confusion(), save=tmp_path / "confusion.png")
    with Image.open(tmp_path / "confusion.png") as picture:
        assert picture.width > 300


def test_what_is_not_there_is_refused(report, tmp_path):
    match = r"there is no network 'pupil'; there is teacher, student, student int8$"
    with pytest.raises(DataError, match=match):
        report.confusion("pupil")
    with pytest.raises(DataError, match="give nothing beside it but save="):
        Show(report.confusion(), captions=["a"])
