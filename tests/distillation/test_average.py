"""The running average of a student equals NumPy's recurrence, and takes no part in training."""

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


def test_parameters_follow_the_recurrence_and_buffers_are_the_students(session):
    student = convolutional("Student", 4, normal=True)
    average = Average(student, decay=0.7)
    expected = weights(student)
    seen = []

    def workout(x, t):
        current = weights(student)
        for key in expected:
            parameter = not key.startswith("bn1/")
            decay = 0.7 if parameter and session.counts.updates > 1 else 0.0
            expected[key] = decay * expected[key] + (1 - decay) * current[key]
        logits = average.batch_feature(x)
        for key, value in weights(average).items():
            np.testing.assert_allclose(value, expected[key], rtol=1e-5, atol=1e-7)
        seen.append(logits.owner is average and not logits.content.requires_grad)
        student.classify(x)
        return student.backprop(logits, distill=True)

    BatchTrain(workout, epochs=2, lr=0.05, optimizer="sgd")
    assert seen == [True] * 8
    assert not np.array_equal(expected["score/weight"], weights(student)["score/weight"])


def test_its_logits_are_those_of_a_network_with_its_weights(session):
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
        expected = 0.5**4 * start[key] + (1 - 0.5**4) * weights(student)[key]
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-7)


def test_the_average_of_a_student_trained_from_scratch_may_teach_it(session):
    student = small(labels=list("abcd"))
    average = Average(student)
    assert (average.new_layers, average.fingerprint()) == (set(), None)
    assert (average.classes, average.labels) == (4, list("abcd"))
    assert average.parameters == student.parameters

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=average.batch_feature(x))

    once(workout)


def test_it_is_not_trained_itself_and_not_saved_with_the_student(session, tmp_path):
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
def test_a_decay_out_of_range_is_refused(session, decay):
    with pytest.raises(TrainingError, match="give the fraction of the past, from 0 up to below 1"):
        Average(small(), decay)


def test_an_average_of_anything_but_a_network_is_refused(session):
    with pytest.raises(TrainingError, match=r"Average\(int\): follows a network in training"):
        Average(3)
