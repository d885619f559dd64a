"""The running average of a student is NumPy's recurrence, and stays out of its training."""

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from hinted import convolutional, weights

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.errors import TrainingError
from deelish.language.teachers import Average


@pytest.fixture
def session(each_engine, tmp_path):
    with Deel(seed=1) as deel:
        InputBatch(write_set(tmp_path, "train", 64), batch_size=16, crop=1, mirror=False)
        yield deel


def test_the_average_is_the_recurrence_and_statistics_are_the_students(session):
    student = convolutional("Student", 4, normal=True)
    average = Average(student, decay=0.7)
    wanted = weights(student)
    seen = []

    def workout(x, t):
        current = weights(student)
        for key in wanted:
            learnt = not key.startswith("bn1/")
            share = 0.7 if learnt and session.counts.updates > 1 else 0.0
            wanted[key] = share * wanted[key] + (1 - share) * current[key]
        answer = average.batch_feature(x)
        for key, value in weights(average).items():
            np.testing.assert_allclose(value, wanted[key], rtol=1e-5, atol=1e-7)
        seen.append(answer.owner is average and not answer.content.requires_grad)
        student.classify(x)
        return student.backprop(answer, distill=True)

    BatchTrain(workout, epochs=2, lr=0.05, optimizer="sgd")
    assert seen == [True] * 8
    assert not np.array_equal(wanted["score/weight"], weights(student)["score/weight"])


def test_it_answers_as_a_network_of_its_weights(session):
    student = trained(small())
    average = Average(student)
    images = list(np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8))
    np.testing.assert_array_equal(
        average.batch_feature(images).value, student.batch_feature(images).value
    )


def test_it_catches_up_with_several_updates_in_one_step(session):
    student = small()
    average = Average(student, decay=0.5)
    start = weights(student)
    trained(student, epochs=1)
    assert all(np.array_equal(value, start[key]) for key, value in weights(average).items())
    average.batch_feature(np.zeros((8, 8, 3), np.uint8))
    for key, value in weights(average).items():
        wanted = 0.5**4 * start[key] + (1 - 0.5**4) * weights(student)[key]
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-7)


def test_a_student_that_starts_from_nothing_may_learn_from_its_average(session):
    student = small(labels=list("abcd"))
    average = Average(student)
    assert (average.new_layers, average.fingerprint()) == (set(), None)
    assert (average.classes, average.labels) == (4, list("abcd"))
    assert average.parameters == student.parameters

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=average.batch_feature(x))

    once(workout)


def test_it_never_learns_and_is_not_saved_with_the_student(session, tmp_path):
    student = trained(small())
    average = Average(student, decay=0.5)
    trained(student, epochs=1)
    student.save(tmp_path / "student.hdf5")
    loaded = weights(Network.load(tmp_path / "student.hdf5"))
    assert all(np.array_equal(loaded[key], value) for key, value in weights(student).items())
    assert not hasattr(average, "save")
    with pytest.raises(TrainingError, match="average of Small: is a teacher and never learns"):
        average.backprop(None)


@pytest.mark.parametrize("decay", [1, -0.1, "0.9", True])
def test_a_decay_that_is_none_is_refused(session, decay):
    with pytest.raises(TrainingError, match="give the fraction of the past, from 0 up to below 1"):
        Average(small(), decay)


def test_an_average_of_what_does_not_learn_is_refused(session):
    with pytest.raises(TrainingError, match=r"Average\(int\): follows a network that learns"):
        Average(3)
