"""Labels as class probabilities, which mixed images have."""

import numpy as np
import pytest
from helpers import once, small, trained

from deelish.errors import DataError, TrainingError
from deelish.network.tensors import LabelTensor


def probabilities_of(labels, classes=4):
    """0.3 on the label and 0.7 on the next class."""
    probabilities = np.zeros((len(labels), classes), np.float32)
    probabilities[np.arange(len(labels)), labels] = 0.3
    probabilities[np.arange(len(labels)), (labels + 1) % classes] = 0.7
    return probabilities


def cross_entropy(student_logits, probabilities):
    powers = np.exp(student_logits - student_logits.max(1, keepdims=True))
    return -(probabilities * np.log(powers / powers.sum(1, keepdims=True))).sum(1).mean()


def mixed(t):
    return LabelTensor(t.value, t.engine, t.samples, probabilities=probabilities_of(t.value))


@pytest.mark.parametrize("given", ["tensor", "array"])
def test_the_loss_is_cross_entropy_on_probabilities_and_the_largest_is_the_label(
    session, sets, given
):
    student, seen = small(), []

    def workout(x, t):
        student_logits = student.classify(x).value.astype(float)
        probabilities = probabilities_of(t.value)
        outcome = student.backprop(mixed(t) if given == "tensor" else probabilities.astype(float))
        seen.append((outcome.loss, cross_entropy(student_logits, probabilities)))
        assert outcome.accuracy == (student_logits.argmax(1) == (t.value + 1) % 4).mean()
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


@pytest.mark.parametrize("outputs", [4, 9])
def test_probabilities_as_wide_as_another_network_fit(session, sets, outputs):
    student = small(outputs=outputs)

    def workout(x, t):
        student_logits = student.classify(x).value.astype(float)
        six = probabilities_of(t.value, 6)
        six[t.value == 3] = np.eye(6)[3]
        outcome = student.backprop(LabelTensor(t.value, t.engine, t.samples, probabilities=six))
        expected = np.zeros((len(x), 9))
        expected[:, :6] = six
        assert outcome.loss == pytest.approx(
            cross_entropy(student_logits, expected[:, :outputs]), rel=1e-4
        )
        return outcome

    once(workout)


def test_a_probability_of_a_class_that_the_network_lacks_is_refused(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        lacking = probabilities_of(t.value + 1, 6)
        return student.backprop(LabelTensor(t.value, t.engine, t.samples, probabilities=lacking))

    with pytest.raises(
        DataError, match="t has probabilities of 6 classes, but it has 4; give as many"
    ):
        once(workout)


def test_a_teacher_and_probabilities_are_mixed(session, sets):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        logits = teacher.batch_feature(x)
        student_logits = student.classify(x).value.astype(float)
        outcome = student.backprop(mixed(t), distill=logits, weight=0, label_weight=2)
        assert outcome.loss == pytest.approx(
            2 * cross_entropy(student_logits, probabilities_of(t.value)), 1e-3
        )
        return outcome

    once(workout)


@pytest.mark.parametrize("alone", [False, True])
def test_dkd_refuses_class_probabilities(session, sets, alone):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        x.labels = mixed(t)
        if alone:
            return student.backprop(logits, distill=True, loss="dkd")
        return student.backprop(x.labels, distill=logits, loss="dkd")

    words = "loss 'dkd' needs one true class an image, and this batch mixes images; take another"
    with pytest.raises(TrainingError, match=words):
        once(workout)


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        (np.full((16, 5), 0.2), "t has probabilities of 5 classes, but it has 4; give as many"),
        (np.full((16, 4), 0.3), "whose rows do not sum to 1; give probabilities"),
        (np.array([[1.5, -0.5, 0, 0]] * 16), "below 0 or whose rows do not sum to 1"),
    ],
)
def test_rows_that_are_no_probabilities_are_refused(session, sets, probabilities, words):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(probabilities)

    with pytest.raises(DataError, match=words):
        once(workout)


def test_labels_of_another_shape_are_refused(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(np.zeros(16))

    with pytest.raises(
        TrainingError, match=r"labels are float64 \(16,\); the batch needs 16 whole"
    ):
        once(workout)
