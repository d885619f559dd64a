"""backprop: the losses are their formulas, and the teacher stays as it was."""

import numpy as np
import pytest
from helpers import gradients, once, small, trained

from deelish import BatchTrain


def log_softmax(scores):
    shifted = scores - scores.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def cross_entropy(scores, labels):
    return -log_softmax(scores)[np.arange(len(labels)), labels].mean()


def kd(student, teacher, temperature):
    p, q = log_softmax(teacher / temperature), log_softmax(student / temperature)
    return temperature**2 * (np.exp(p) * (p - q)).sum(1).mean()


def test_the_loss_on_labels_is_cross_entropy(session, sets):
    student = small()
    seen = []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        loss, accuracy = student.backprop(t)
        seen.append((loss, cross_entropy(scores, t.value)))
        assert accuracy == (scores.argmax(1) == t.value).mean()
        return loss, accuracy

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-5)


@pytest.mark.parametrize("temperature", [1, 4.0, 20])
def test_the_loss_of_a_teacher_is_kl_as_batch_mean_times_t_squared(session, sets, temperature):
    teacher, student = trained(small("Teacher")), small()
    seen = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        loss, accuracy = student.backprop(logits, distill=True, temperature=temperature)
        seen.append((loss, kd(scores, logits.value.astype(float), temperature)))
        # The accuracy is against the true labels, though the teacher's logits were given as t.
        assert accuracy == (scores.argmax(1) == t.value).mean()
        return loss, accuracy

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4, atol=2e-7 * temperature**2)


def test_labels_and_teacher_are_mixed_by_alpha(session, sets):
    teacher, student = trained(small("Teacher")), small()
    seen = []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        outcome = student.backprop(t, distill=logits, temperature=2, alpha=0.3)
        expected = 0.3 * kd(scores, logits.value, 2) + 0.7 * cross_entropy(scores, t.value)
        seen.append((outcome.loss, expected))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


def test_the_teacher_stays_as_it_was(session, sets):
    teacher, student = trained(small("Teacher", dropout=0.5)), small()
    before = session.engine.state(teacher.module)
    gradients_before = [gradient.copy() for gradient in gradients(teacher)]
    equal = []

    def workout(x, t):
        first, second = teacher.batch_feature(x), teacher.batch_feature(x)
        equal.append(np.array_equal(first.value, second.value))
        assert not first.content.requires_grad
        student.classify(x)
        return student.backprop(first, distill=True)

    once(workout)
    assert all(equal), "the teacher drew dropout"
    after = session.engine.state(teacher.module)
    assert all(np.array_equal(after[k][b], before[k][b]) for k in before for b in before[k])
    for old, new in zip(gradients_before, gradients(teacher), strict=True):
        np.testing.assert_array_equal(old, new)


def test_validation_updates_nothing_and_draws_nothing(session, sets):
    student = small(dropout=0.5)
    states, parts = [], []

    def workout(x, t):
        logits = student.classify(x)
        parts.append((session.trainer.training, logits.content.requires_grad))
        outcome = student.backprop(t)
        states.append(session.engine.state(student.module)["score"]["weight"])
        return outcome

    once(workout)
    assert parts == [(True, True)] * 4 + [(False, False)] * 2
    assert not np.array_equal(states[2], states[3])
    assert np.array_equal(states[3], states[5])


def test_auxiliary_classifiers_join_the_loss_on_labels_only(session, sets):
    from deelish import Layer, Network, Plan

    rows = [
        Layer("hidden", "InnerProduct", num_output=6),
        Layer("extra", "InnerProduct", "hidden", num_output=4, phase="TRAIN"),
        Layer("score", "InnerProduct", "hidden", num_output=4),
    ]
    plan = Plan(rows, {"data": (1, 1, 8, 8)}, logits="score", auxiliary={"extra": 0.3})
    student = Network(plan, in_size=8, order="L", scale=1 / 255, mean=(0.0,))
    teacher = trained(small("Teacher"))
    seen = []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        heads = session.trainer.pending(student).heads
        if session.trainer.training:
            [(logits, weight)] = heads
            assert weight == 0.3
            extra = session.engine.numpy(logits).astype(float)
            expected = cross_entropy(scores, t.value) + 0.3 * cross_entropy(extra, t.value)
        else:
            expected = cross_entropy(scores, t.value)
        outcome = student.backprop(t)
        seen.append((outcome.loss, expected))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-5)
    before = session.engine.state(student.module)["extra"]["weight"]

    def distil(x, t):
        logits = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(logits, distill=True)

    once(distil)
    assert np.array_equal(session.engine.state(student.module)["extra"]["weight"], before)


def test_a_numpy_array_of_logits_teaches_too(session, sets):
    student = small()
    seen = []

    def workout(x, t):
        logits = np.eye(4, dtype=np.float32)[t.value] * 8
        scores = student.classify(x).value.astype(float)
        outcome = student.backprop(t, distill=logits, alpha=1)
        seen.append((outcome.loss, kd(scores, logits, 1)))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


def test_two_students_teach_each_other(session, sets):
    first, second = small("First"), small("Second")

    def workout(x, t):
        a, b = first.classify(x), second.classify(x)
        first.backprop(t, distill=b, alpha=0.5)
        return second.backprop(t, distill=a, alpha=0.5)

    rows = BatchTrain(workout, epochs=8, lr=0.01)
    assert rows[-1]["accuracy"] > 0.9
    assert rows[-1]["agreement"] > 0.9
