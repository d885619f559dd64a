"""Errors and warnings of Compare, each in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from comparison.corners import LABELS, corners, hold
from helpers import small

from deelish import Compare
from deelish.errors import DataError, FileError, TrainingError


def test_an_untrained_network_is_reported(sets, teacher, capsys):
    Compare(teacher, small("New", labels=LABELS), sets[0])
    printed = capsys.readouterr().out
    assert printed == (
        "New: hidden, score has its initial weights, so that its numbers mean nothing yet; load it"
        " or train it\n"
    )


def test_images_without_labels_are_refused(sets, teacher, student, tmp_path):
    bare = tmp_path / "bare.txt"
    bare.write_text("".join(f"{line.split()[0]}\n" for line in sets[0].read_text().splitlines()))
    message = "Compare: the images of .*bare.txt have no labels, and accuracy needs them; give imag"
    with pytest.raises(DataError, match=message):
        Compare(teacher, student, bare)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"test": "none.txt"}, DataError, "none.txt: there is no such list or folder; correct the"),
        ({"train": "none.txt"}, DataError, "none.txt: there is no such list or folder; correct th"),
        ({"fits": "toaster"}, DataError, "fits='toaster': no such device is known; known: arduin"),
        ({"save": "report.pdf"}, FileError, "report.pdf: the report is a page; give a name wi"),
        ({"save": "none/report.html"}, FileError, "none/report.html: there is no folder none; ma"),
        ({"batch_size": 0}, DataError, r"Compare\(batch_size=0\): give a whole number above 0"),
        ({"crop": 1.5}, DataError, r"Compare\(crop=1.5\): give the crop fraction"),
        ({"crop": True}, DataError, r"Compare\(crop=True\): give the crop fraction"),
        ({"root": "none"}, DataError, "root='none': there is no such folder; correct it or leave"),
        ({"student": []}, DataError, "Compare: there is no student; give one, or several in a l"),
    ],
)
def test_bad_arguments(given, error, words, sets, teacher, student):
    with pytest.raises(error, match=words):
        Compare(teacher, **{"student": student, "test": sets[0], **given})


def test_training_images_among_the_test_images(sets, teacher, student):
    words = r"images are in both; take them out of one"
    with pytest.raises(DataError, match=words):
        Compare(teacher, student, sets[0], train=sets[0])


def test_nan_logits_are_refused(sets, teacher):
    broken = corners("Broken")
    hold(broken, "score", np.full((4, 64), np.nan, np.float32))
    words = r"Broken: its logits for .*100.png are NaN or infinite; load weights that are finite"
    with pytest.raises(TrainingError, match=words):
        Compare(teacher, broken, sets[0])


def test_an_image_that_cannot_be_read(sets, teacher, student):
    (sets[0].parent / "105.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"test.txt line 6: .*105.png: this is no JPEG, PNG"):
        Compare(teacher, student, sets[0])
