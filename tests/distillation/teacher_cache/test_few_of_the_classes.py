"""Where only the highest logits are cached, a student of few of the classes is refused."""

import numpy as np
import pytest
from helpers import once, small, trained, write_set

from deelish import Deel, Ensemble, InputBatch
from deelish.errors import TrainingError

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def session(tmp_path):
    with Deel(seed=1) as deel:
        InputBatch(write_set(tmp_path, "train", 8), batch_size=4)
        yield deel


def names(count):
    return [f"class {number}" for number in range(count)]


def lesson(teacher, student):
    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    return workout


def pair(student):
    teacher = trained(small("Taller", outputs=12, labels=names(12)))
    return teacher, small("Student", outputs=student, labels=names(student))


def test_a_student_of_a_third_of_the_classes_is_refused(tmp_path):
    teacher, student = pair(4)
    InputBatch(tmp_path / "train.txt", batch_size=4, views=1, top=3)
    with pytest.raises(
        TrainingError,
        match=r"^Student: InputBatch\(top=3\) caches the 3 highest of the 12 logits of Taller, few"
        r" of which are of the 4 classes of Student; leave top= out, which takes 24 bytes for"
        r" each image$",
    ):
        once(lesson(teacher, student))


@pytest.mark.parametrize(
    ("classes", "options"),
    [(4, {"views": 1}), (4, {"top": 3}), (8, {"views": 1, "top": 3}), (4, {"views": 1, "top": 6})],
)
def test_all_others_are_taught(classes, options, tmp_path):
    teacher, student = pair(classes)
    InputBatch(tmp_path / "train.txt", batch_size=4, **options)
    assert len(once(lesson(teacher, student))) == 1


def test_a_member_of_an_ensemble_with_other_classes_is_refused(tmp_path):
    teacher, other = pair(4)
    trained(other)
    InputBatch(tmp_path / "train.txt", batch_size=4, views=1, top=3)
    student = small("Pupil", labels=names(4))
    with pytest.raises(TrainingError, match=r"^Ensemble of .*top=3\) caches the 3 highest of the"):
        once(lesson(Ensemble(other, teacher), student))


def test_what_was_silent_is_that_most_rows_say_nothing_of_the_students_classes():
    """The fault itself, in numbers: 10 of 1000 classes, the 10 highest logits."""
    from deelish.distillation.teacher_cache.forms import Form

    logits = np.random.default_rng(0).normal(size=(64, 1000)).astype(np.float32)
    form = Form.of(1000, 10)
    seen = form.unpack(form.pack(logits)[0])[:, :10]
    assert (np.ptp(seen, axis=1) == 0).mean() > 0.5


@pytest.mark.parametrize(
    ("classes", "top", "size"),
    [(1024, 10, 13 + 22), (1025, 10, 14 + 22), (2, 1, 1 + 4), (4, 3, 1 + 8), (70_000, 2, 5 + 6)],
)
def test_a_class_takes_as_many_bits_as_it_needs(classes, top, size):
    from deelish.distillation.teacher_cache.forms import Form

    form = Form.of(classes, top)
    assert form.bytes == size
    logits = np.random.default_rng(0).permuted(np.tile(np.arange(classes) / 8.0, (5, 1)), axis=1)
    packed, finite = form.pack(logits.astype(np.float32))
    assert packed.shape == (5, size)
    seen = form.unpack(packed)
    best = np.argsort(-logits, axis=1)[:, :top]
    assert (np.sort(np.argsort(-seen, axis=1)[:, :top], 1) == np.sort(best, 1)).all()
    assert finite.all()
