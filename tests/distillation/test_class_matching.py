"""The classes of a student are matched to its teacher's by name."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import once, small, write_set

from deelish import Deel, InputBatch
from deelish.distillation.class_matching import class_order
from deelish.errors import TrainingError
from deelish.language.teachers import Teacher

NAMES = ["kit fox, Vulpes macrotis", "tench, Tinca tinca", "sports_car, sport car", "hen"]


def named(labels, name="Student"):
    classes = len(labels or ())
    return SimpleNamespace(name=name, labels=labels, classes=classes, sequences=None)


def order(student, teacher):
    found = class_order(named(student), named(teacher, "Big"))
    return found if found is None else found.tolist()


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        (["hen", "tench"], NAMES, [3, 1]),
        (["HEN", "Tinca  Tinca"], NAMES, [3, 1]),
        (["sports car", "vulpes_macrotis"], NAMES, [2, 0]),
        (["n01440764 tench", "n01514859 hen"], NAMES, [1, 3]),
        (["n01440764", "n01514859"], ["n01514859 hen", "n01440764 tench, Tinca tinca"], [1, 0]),
        (["n2 ox", "car"], ["car", "n2 ox"], [1, 0]),
        # One whole name counts before a synonym of another class.
        (["cardigan"], ["Cardigan, Cardigan Welsh corgi", "cardigan"], [1]),
        (["Cardigan, Cardigan Welsh corgi"], ["cardigan", "Cardigan, Cardigan Welsh corgi"], [1]),
        # A number counts before a name.
        (["n03126707 crane"], ["n02012849 crane", "n03126707 crane"], [1]),
        # The same classes in the same order, written in another way.
        (["kit fox", "tench", "sports car", "hen"], NAMES, None),
        (["crane", "ox", "crane"], ["crane", "ox, cow", "crane"], None),
        (NAMES, NAMES, None),
        (None, NAMES, None),
        (NAMES, None, None),
    ],
)
def test_classes_are_matched_by_name(student, teacher, expected):
    assert order(student, teacher) == expected


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (
            ["hen", "tensh", "zebra"],
            r"^Student: 2 of its 3 .* 'tensh' \(nearest: 'tench, Tinca tinca'\), 'zebra'; name",
        ),
        (list("abcde"), r"5 of its 5 classes .* 'a', 'b', 'c', ...; name them"),
        (
            ["tench", "Tinca tinca"],
            "class 'tench' and 'Tinca tinca' are both 'tench, Tinca tinca' of Big; make names",
        ),
    ],
)
def test_missing_classes_are_refused_with_the_nearest(student, message):
    with pytest.raises(TrainingError, match=message):
        order(student, NAMES)


def test_an_ambiguous_class_is_refused():
    with pytest.raises(TrainingError, match="class 'crane' may be 0 'crane' or 2 'crane' of Big;"):
        order(["crane"], ["crane", "hen", "crane"])


@pytest.fixture
def session(each_engine, tmp_path):
    with Deel(seed=1) as deel:
        InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)
        yield deel


def big(session, labels):
    """A function of seven classes, whose logits are known."""
    weights = np.random.default_rng(0).normal(size=(64, 7)).astype(np.float32)
    return Teacher(
        lambda values: values.reshape(len(values), -1) @ weights,
        **{"size": 8, "order": "L", "mean": 0, "scale": 1 / 255, "crop": 1.0, "labels": labels},
        name="Big",
    )


def test_a_student_gets_the_logits_of_its_own_classes(session, capsys):
    from deelish.distillation.checks import teacher_logits

    teacher, student = big(session, list("abcdefg")), small(labels=["g", "b", "e", "a"])
    seen = []

    def workout(x, t):
        given = teacher.batch_feature(x)
        content, values = teacher_logits(student, given, session.trainer.memory)
        np.testing.assert_array_equal(session.engine.numpy(content), values)
        seen.append((values, given))
        student.classify(x)
        return student.backprop(given, distill=True)

    once(workout)
    for logits, given in seen:
        np.testing.assert_array_equal(logits, given.value[:, [6, 1, 4, 0]])
    printed = [line for line in capsys.readouterr().out.splitlines() if "found by name" in line]
    expected = (
        "Small: its 4 classes were found by name among the 7 of Big: 0 'g' is its 6 'g'; 2 'e' is"
        " its 4 'e'; 3 'a' is its 0 'a'"
    )
    assert printed == [expected]


def test_without_names_the_class_counts_must_be_equal(session):
    teacher, student = big(session, None), small(labels=["g", "b", "e", "a"])

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    with pytest.raises(TrainingError, match=r"logits are \(16, 7\), the student's \(16, 4\); give"):
        once(workout)
