"""backprop: what cannot teach or learn is refused, with the cure."""

import numpy as np
import pytest
from helpers import once, small, trained

from deelish import BatchTrain, InputBatch
from deelish.errors import DataError, TrainingError, UsageError


def refused(words, workout, error=TrainingError):
    with pytest.raises(error, match=words):
        once(workout)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_sync_batch_norm_is_true_or_false(session, sets, value):
    match = r"BatchTrain\(sync_batch_norm=.*\): is of type .*; give True or False"
    with pytest.raises(UsageError, match=match):
        BatchTrain(lambda x, t: (0, 0), sync_batch_norm=value)


def test_backprop_outside_of_a_workout_is_refused(session):
    with pytest.raises(TrainingError, match=r"Small.backprop: works on the batches of a workout"):
        small().backprop(np.zeros(1, int))


def test_a_student_that_was_not_classified_is_refused(session, sets):
    student = small()
    refused("this batch was not classified by Small", lambda x, t: student.backprop(t))


def test_logits_of_an_earlier_batch_are_refused(session, sets):
    teacher, student = trained(small("Teacher")), small()
    earlier = []

    def workout(x, t):
        earlier.append(teacher.batch_feature(x))
        student.classify(x)
        return student.backprop(earlier[0], distill=True)

    refused("the logits of Teacher belong to other images than this batch", workout)


def test_other_class_counts_are_refused(session, sets):
    teacher, student = trained(small("Teacher", outputs=6)), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    refused(r"the teacher's logits are \(16, 6\), the student's \(16, 4\); .*same labels=", workout)


def test_a_teacher_that_was_never_loaded_is_refused(session, sets):
    teacher, student = small("Teacher"), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    refused("the teacher Teacher was never loaded nor trained; give it modelpath=", workout)


def test_a_teacher_whose_last_layer_is_new_is_refused(session, sets, tmp_path):
    trained(small("Teacher", outputs=6)).save(tmp_path / "teacher.hdf5")
    teacher = small("Teacher", labels=4, modelpath=tmp_path / "teacher.hdf5")
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    refused("score of the teacher Teacher is new and was never trained", workout)


def test_probabilities_for_logits_are_refused(session, sets):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.feature(x, layer="prob"), distill=True)

    refused("the output of Teacher is probabilities, since its rows sum to 1", workout)


def test_probabilities_of_a_second_teacher_of_the_same_name_are_refused(session, sets):
    first, second, student = trained(small("Teacher")), trained(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        student.backprop(first.batch_feature(x), distill=True)
        student.classify(x)
        return student.backprop(second.feature(x, layer="prob"), distill=True)

    refused("the output of Teacher is probabilities, since its rows sum to 1", workout)


def test_a_teacher_that_draws_dropout_is_refused(session, sets):
    teacher, student = trained(small("Teacher", dropout=0.5)), small()

    def workout(x, t):
        logits = teacher.classify(x)
        student.classify(x)
        return student.backprop(logits, distill=True)

    refused(r"Teacher: its logits from classify\(x\) taught a student.*batch_feature\(x\)", workout)


def test_a_student_taught_by_itself_is_refused(session, sets):
    student = small()

    def workout(x, t):
        return student.backprop(student.classify(x), distill=True)

    refused("the student's own logits were given as the teacher's", workout)


def test_labels_for_logits_and_logits_for_labels_are_refused(session, sets):
    teacher, student = trained(small("Teacher")), small()

    def labels(x, t):
        student.classify(x)
        return student.backprop(t, distill=True)

    def logits(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x))

    refused("distill needs a teacher's logits, and got labels", labels)
    refused("t is LogitsTensor of Teacher.* where labels are needed; pass distill=True", logits)


@pytest.mark.parametrize("result", [None, 3.0, (1, 2, 3), ("a", "b")])
def test_a_workout_that_returns_no_pair_is_refused(session, sets, result):
    refused(
        r"workout returned .* at epoch 1/1, batch 1, .*return student.backprop", lambda x, t: result
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0}, "temperature=0; give a number above 0"),
        ({"alpha": 1.5}, "alpha=1.5; give the weight of the teacher's part"),
    ],
)
def test_temperature_and_alpha_are_checked(session, sets, options, words):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True, **options)

    refused(words, workout)


def test_labels_beyond_the_students_classes_are_named_with_their_line(session, corners):
    train, val = corners
    large = small("Large", outputs=10)
    student = small(outputs=3)
    InputBatch(train, val, batch_size=16)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    refused(r"train.txt line \d+: label 3, but Small has 3 outputs", workout, DataError)
    assert large.plan.classes == 10


def test_logits_that_are_not_finite_stop_before_the_update(session, sets):
    student = small()
    before = session.engine.state(student.module)

    def workout(x, t):
        student.classify(x)
        logits = np.full((len(x), 4), np.nan, np.float32)
        return student.backprop(t, distill=logits)

    sentence = (
        "Small: the logits of the teacher are not finite at epoch 1/1, batch 1; the weights are"
    )
    refused(f"{sentence} those before this batch; look at", workout)
    after = session.engine.state(student.module)
    assert np.array_equal(before["score"]["weight"], after["score"]["weight"])


def test_logits_of_the_batch_before_are_refused(session, sets):
    student, seen = small(), []

    def workout(x, t):
        seen.append(x)
        if len(seen) == 1:
            student.classify(x)
            return 0.0, 0.0
        return student.backprop(t)

    with pytest.raises(TrainingError, match="this batch was not classified by Small; call stude"):
        once(workout)
    assert len(seen) == 2


def test_a_batch_that_was_learnt_from_must_be_classified_again(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        student.backprop(t)
        return student.backprop(t)

    refused("this batch was not classified by Small; call student.classify", workout)
