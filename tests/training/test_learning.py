"""backprop: the losses are their formulas, and what cannot teach is refused."""

import numpy as np
import pytest
import torch
from helpers import small

from deelish import BatchTrain, InputBatch
from deelish.errors import DataError, TrainingError


@pytest.fixture
def sets(session, corners):
    return InputBatch(*corners, batch_size=16, crop=1, mirror=False)


def trained(network, epochs=2):
    """The network after some epochs on the labels."""

    def workout(x, t):
        network.classify(x)
        return network.backprop(t)

    BatchTrain(workout, epochs=epochs, rate=0.01)
    return network


def once(workout):
    """Run a workout on one epoch."""
    return BatchTrain(workout, epochs=1)


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
        answer = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        loss, accuracy = student.backprop(answer, distill=True, temperature=temperature)
        seen.append((loss, kd(scores, answer.value.astype(float), temperature)))
        # The accuracy is against the true labels, though the teacher's answer was given as t.
        assert accuracy == (scores.argmax(1) == t.value).mean()
        return loss, accuracy

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4, atol=2e-7 * temperature**2)


def test_labels_and_teacher_are_mixed_by_alpha(session, sets):
    teacher, student = trained(small("Teacher")), small()
    seen = []

    def workout(x, t):
        answer = teacher.batch_feature(x)
        scores = student.classify(x).value.astype(float)
        outcome = student.backprop(t, distill=answer, temperature=2, alpha=0.3)
        wanted = 0.3 * kd(scores, answer.value, 2) + 0.7 * cross_entropy(scores, t.value)
        seen.append((outcome.loss, wanted))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


def test_the_teacher_stays_as_it_was(session, sets):
    teacher, student = trained(small("Teacher", dropout=0.5)), small()
    before = session.engine.state(teacher.module)
    gradients = [p.grad.clone() for p in teacher.module.parameters()]
    answers = []

    def workout(x, t):
        first, second = teacher.batch_feature(x), teacher.batch_feature(x)
        answers.append(np.array_equal(first.value, second.value))
        assert not first.content.requires_grad
        student.classify(x)
        return student.backprop(first, distill=True)

    once(workout)
    assert all(answers), "the teacher drew dropout"
    after = session.engine.state(teacher.module)
    assert all(np.array_equal(after[k][b], before[k][b]) for k in before for b in before[k])
    assert all(map(torch.equal, gradients, [p.grad for p in teacher.module.parameters()]))
    assert not teacher.module.training


def test_validation_updates_nothing_and_draws_nothing(session, sets):
    student = small(dropout=0.5)
    states, parts = [], []

    def workout(x, t):
        answer = student.classify(x)
        parts.append((session.run.training, answer.content.requires_grad))
        outcome = student.backprop(t)
        states.append(student.module.weights_of("score").weight.detach().clone())
        return outcome

    once(workout)
    assert parts == [(True, True)] * 4 + [(False, False)] * 2
    assert not torch.equal(states[2], states[3])
    assert torch.equal(states[3], states[5])


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
        heads = student.pending.heads
        if session.run.training:
            extra = session.engine.numpy(heads["extra"]).astype(float)
            wanted = cross_entropy(scores, t.value) + 0.3 * cross_entropy(extra, t.value)
        else:
            wanted = cross_entropy(scores, t.value)
        outcome = student.backprop(t)
        seen.append((outcome.loss, wanted))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-5)
    before = session.engine.state(student.module)["extra"]["weight"]

    def distil(x, t):
        answer = teacher.batch_feature(x)
        student.classify(x)
        return student.backprop(answer, distill=True)

    once(distil)
    assert np.array_equal(session.engine.state(student.module)["extra"]["weight"], before)


def test_a_numpy_array_of_logits_teaches_too(session, sets):
    student = small()
    seen = []

    def workout(x, t):
        answer = np.eye(4, dtype=np.float32)[t.value] * 8
        scores = student.classify(x).value.astype(float)
        outcome = student.backprop(t, distill=answer, alpha=1)
        seen.append((outcome.loss, kd(scores, answer, 1)))
        return outcome

    once(workout)
    assert np.allclose(*zip(*seen, strict=True), rtol=1e-4)


def test_two_students_teach_each_other(session, sets):
    first, second = small("First"), small("Second")

    def workout(x, t):
        a, b = first.classify(x), second.classify(x)
        first.backprop(t, distill=b, alpha=0.5)
        return second.backprop(t, distill=a, alpha=0.5)

    rows = BatchTrain(workout, epochs=8, rate=0.01)
    assert rows[-1]["accuracy"] > 0.9
    assert rows[-1]["agreement"] > 0.9


def refused(words, workout, error=TrainingError):
    with pytest.raises(error, match=words):
        once(workout)


def test_backprop_outside_of_a_workout_is_refused(session):
    with pytest.raises(TrainingError, match=r"Small.backprop: works on the batches of a workout"):
        small().backprop(np.zeros(1, int))


def test_a_student_that_was_not_classified_is_refused(session, sets):
    student = small()
    refused("this batch was not classified by Small", lambda x, t: student.backprop(t))


def test_an_answer_to_an_earlier_batch_is_refused(session, sets):
    teacher, student = trained(small("Teacher")), small()
    kept = []

    def workout(x, t):
        kept.append(teacher.batch_feature(x))
        student.classify(x)
        return student.backprop(kept[0], distill=True)

    refused("the answer of Teacher belongs to other images than this batch", workout)


def test_other_class_counts_are_refused(session, sets):
    teacher, student = trained(small("Teacher", outputs=6)), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x), distill=True)

    refused(r"the teacher's answer is \(16, 6\), the student's \(16, 4\); .*same labels=", workout)


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

    refused("the answer of Teacher is probabilities, since its rows sum to 1", workout)


def test_a_teacher_that_draws_dropout_is_refused(session, sets):
    teacher, student = trained(small("Teacher", dropout=0.5)), small()

    def workout(x, t):
        answer = teacher.classify(x)
        student.classify(x)
        return student.backprop(answer, distill=True)

    refused(r"Teacher: its answer to classify\(x\) taught a student.*batch_feature\(x\)", workout)


def test_a_student_taught_by_itself_is_refused(session, sets):
    student = small()

    def workout(x, t):
        return student.backprop(student.classify(x), distill=True)

    refused("the student's own answer was given as the teacher's", workout)


def test_labels_for_an_answer_and_an_answer_for_labels_are_refused(session, sets):
    teacher, student = trained(small("Teacher")), small()

    def labels(x, t):
        student.classify(x)
        return student.backprop(t, distill=True)

    def answer(x, t):
        student.classify(x)
        return student.backprop(teacher.batch_feature(x))

    refused("distill wants a teacher's answer, and got labels", labels)
    refused("t is an answer, .* where labels are wanted; pass distill=True", answer)


@pytest.mark.parametrize("result", [None, 3.0, (1, 2, 3), ("a", "b")])
def test_a_workout_that_returns_no_pair_is_refused(session, sets, result):
    refused(
        r"workout returned .* at epoch 1/1, batch 1, .*return student.backprop", lambda x, t: result
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 0}, "temperature=0; give a number above 0"),
        ({"alpha": 1.5}, "alpha=1.5; give the teacher's share of the loss"),
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


def test_a_loss_that_is_not_finite_stops_before_the_update(session, sets):
    student = small()
    before = session.engine.state(student.module)

    def workout(x, t):
        student.classify(x)
        answer = np.full((len(x), 4), np.nan, np.float32)
        return student.backprop(t, distill=answer)

    refused("Small: the loss is nan at epoch 1/1, batch 1; the weights are those before", workout)
    after = session.engine.state(student.module)
    assert np.array_equal(before["score"]["weight"], after["score"]["weight"])
