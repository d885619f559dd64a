"""Classes in a comparison: matched by name, reported, refused where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from comparison.corners import LABELS, by_hand, corners, known, listed, softmax
from helpers import small, write_set

from deelish import Compare, Deel
from deelish.errors import DataError, TrainingError


def test_classes_and_the_images_that_differ_most(sets, teacher, student):
    report = Compare(teacher, student, sets[0])
    paths, labels = listed(sets[0])
    p, q = softmax(by_hand(teacher, paths)), softmax(by_hand(student, paths))
    distance = (p * np.log(p / q)).sum(1)
    worst = np.argsort(-distance)
    rows = report.different["student"]
    assert [row["path"] for row in rows] == [str(paths[index]) for index in worst[:12]]
    assert rows[0]["kl"] == pytest.approx(distance[worst[0]], rel=1e-3)
    assert rows[0]["true"] == LABELS[labels[worst[0]]]
    assert rows[0]["student"] == LABELS[q[worst[0]].argmax()]
    assert rows[0]["teacher_confidence"] == pytest.approx(p[worst[0]].max(), rel=1e-4)
    agrees = p.argmax(1) == q.argmax(1)
    for row in report.classes["student"]:
        own = labels == row["label"]
        assert (row["images"], row["name"]) == (6, LABELS[row["label"]])
        assert row["agreement"] == pytest.approx(agrees[own].mean())


def test_different_class_counts_without_names_are_refused(sets, teacher):
    words = "Compare: Teacher has 4 classes, the student Other 7; give both labels= with names, so"
    with pytest.raises(DataError, match=words):
        Compare(teacher, known(small("Other", outputs=7)), sets[0])


def test_classes_are_matched_by_name(tmp_path, capsys):
    path = write_set(tmp_path, "test", 8)
    lines = [line.split() for line in path.read_text().splitlines()]
    path.write_text("".join(f"{name} {3 - int(label)}\n" for name, label in lines))
    with Deel():
        teacher, student = corners("Teacher"), corners("Student", (3, 2, 1, 0))
        report = Compare(teacher, student, path)
        assert "Student: its 4 classes were found by name among the 4 of Teacher" in (
            capsys.readouterr().out
        )
    assert report["teacher"]["accuracy"] == report["student"]["accuracy"] == 1
    assert (report["student"]["agreement"], report["student"]["kl"]) == (1, pytest.approx(0))


def test_of_a_larger_teacher_only_the_students_classes_count(sets, student):
    names = ["x", LABELS[2], "y", LABELS[0], LABELS[3], "z", LABELS[1]]
    teacher = known(small("Large", outputs=7, labels=names))
    report = Compare(teacher, student, sets[0])
    paths, labels = listed(sets[0])
    p = softmax(by_hand(teacher, paths)[:, [3, 6, 1, 4]])
    q = softmax(by_hand(student, paths))
    assert report["teacher"]["accuracy"] == pytest.approx((p.argmax(1) == labels).mean())
    assert report["student"]["kl"] == pytest.approx((p * np.log(p / q)).sum(1).mean(), rel=1e-4)
    assert "of the 7 classes of Large only the 4 of Student count" in report.notes[1]


def test_a_class_that_the_teacher_lacks_is_refused(sets, teacher):
    other = known(small("Other", labels=["cat", *LABELS[1:]]))
    with pytest.raises(
        TrainingError, match="Other: 1 of its 4 classes are not among those of Teac"
    ):
        Compare(teacher, other, sets[0])


def test_labels_outside_the_classes_are_refused(teacher, student, tmp_path):
    path = write_set(tmp_path, "test", 4)
    path.write_text(path.read_text().replace("3.png 3", "3.png 4"))
    with pytest.raises(DataError, match=r"test.txt line 4: label 4, but Student has 4 outputs"):
        Compare(teacher, student, path)
