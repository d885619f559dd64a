"""Labels as shares of classes, which mixed images have."""

import numpy as np
import pytest
from helpers import once, small, trained

from deelish.errors import DataError, TrainingError
from deelish.network.tensors import LabelTensor


def shares_of(labels, classes=4):
    """0.3 on the label and 0.7 on the next class."""
    shares = np.zeros((len(labels), classes), np.float32)
    shares[np.arange(len(labels)), labels] = 0.3
    shares[np.arange(len(labels)), (labels + 1) % classes] = 0.7
    return shares


def cross_entropy(scores, shares):
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return -(shares * np.log(powers / powers.sum(1, keepdims=True))).sum(1).mean()


def mixed(t):
    return LabelTensor(t.value, t.engine, t.samples, probabilities=shares_of(t.value))


@pytest.mark.parametrize("given", ["tensor", "array"])
def test_the_loss_is_cross_entropy_on_shares_and_the_largest_counts(session, sets, given):
    student, seen = small(), []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        shares = shares_of(t.value)
        outcome = student.backprop(mixed(t) if given == "tensor" else shares.astype(float))
        seen.append((outcome.loss, cross_entropy(scores, shares)))
        assert outcome.accuracy == (scores.argmax(1) == (t.value + 1) % 4).mean()
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


@pytest.mark.parametrize("outputs", [4, 9])
def test_shares_as_wide_as_another_network_fit(session, sets, outputs):
    student = small(outputs=outputs)

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        six = shares_of(t.value, 6)
        six[t.value == 3] = np.eye(6)[3]
        outcome = student.backprop(LabelTensor(t.value, t.engine, t.samples, probabilities=six))
        wanted = np.zeros((len(x), 9))
        wanted[:, :6] = six
        assert outcome.loss == pytest.approx(cross_entropy(scores, wanted[:, :outputs]), rel=1e-4)
        return outcome

    once(workout)


def test_a_share_of_a_class_that_the_network_lacks_is_refused(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        lacking = shares_of(t.value + 1, 6)
        return student.backprop(LabelTensor(t.value, t.engine, t.samples, probabilities=lacking))

    with pytest.raises(DataError, match="t holds shares of 6 classes, and it has 4; give as many"):
        once(workout)


def test_a_teacher_and_shares_are_mixed(session, sets):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        answer = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        outcome = student.backprop(mixed(t), distill=answer, weight=0, label_weight=2)
        assert outcome.loss == pytest.approx(2 * cross_entropy(scores, shares_of(t.value)), 1e-3)
        return outcome

    once(workout)


@pytest.mark.parametrize("alone", [False, True])
def test_dkd_refuses_shares(session, sets, alone):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        answer = teacher.batch_feature(x)
        student.classify(x)
        x.labels = mixed(t)
        if alone:
            return student.backprop(answer, distill=True, loss="dkd")
        return student.backprop(x.labels, distill=answer, loss="dkd")

    words = "loss 'dkd' needs one true class an image, and this batch mixes images; take another"
    with pytest.raises(TrainingError, match=words):
        once(workout)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (np.full((16, 5), 0.2), "t holds shares of 5 classes, and it has 4; give as many"),
        (np.full((16, 4), 0.3), "whose rows do not sum to 1; give probabilities"),
        (np.array([[1.5, -0.5, 0, 0]] * 16), "below 0 or whose rows do not sum to 1"),
        (np.full((16, 4), np.nan), "whose rows do not sum to 1; give probabilities"),
    ],
)
def test_what_is_no_share_is_refused(session, sets, shares, words):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(shares)

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
