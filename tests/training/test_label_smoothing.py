"""backprop(label_smoothing=): PyTorch's numbers, in each part on labels, and in training alone."""

import numpy as np
import pytest
import torch
from helpers import once, small, trained
from hinted import convolutional, known

from deelish import BatchTrain, InputBatch, Layer, Network, Plan
from deelish.errors import TrainingError, UsageError
from deelish.language.session import current_session
from deelish.network.tensors import LabelTensor

SMOOTHING = 0.3


def cross_entropy(scores, labels, smoothing=0.0):
    """What PyTorch computes, in float64, of class indices or of class probabilities."""
    scores, labels = torch.tensor(scores, dtype=torch.float64), torch.tensor(labels)
    labels = labels.double() if labels.is_floating_point() else labels
    return float(torch.nn.functional.cross_entropy(scores, labels, label_smoothing=smoothing))


def kd(scores, teacher):
    p, q = (torch.tensor(each, dtype=torch.float64).log_softmax(1) for each in (teacher, scores))
    return float((p.exp() * (p - q)).sum(1).mean())


def smoothing_now():
    """Of this batch: none in validation."""
    return SMOOTHING if current_session().trainer.training else 0.0


def assert_losses(learn, expected, student):
    """One epoch, in which each loss is compared; `expected` gets scores, labels and x."""
    seen = []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        loss = expected(scores, t.value, x)
        outcome = learn(x, t)
        seen.append((outcome.loss, loss))
        assert outcome.accuracy == (scores.argmax(1) == t.value).mean()
        return outcome

    once(workout)
    assert len(seen) == 6
    np.testing.assert_allclose(*zip(*seen, strict=True), rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0, 0.1, 0.9, 1])
def test_labels_are_smoothed_as_in_pytorch_and_validation_is_plain(session, sets, smoothing):
    student = small()
    assert_losses(
        lambda x, t: student.backprop(t, label_smoothing=smoothing),
        lambda scores, labels, x: cross_entropy(
            scores, labels, smoothing if session.trainer.training else 0
        ),
        student,
    )


def test_the_gradient_is_that_of_smoothed_targets(session, sets):
    student, rate, steps = small(), 0.5, []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        before = student.engine.state(student.module)["score"]["bias"].copy()
        outcome = student.backprop(t, label_smoothing=SMOOTHING)
        if session.trainer.training:
            powers = np.exp(scores - scores.max(1, keepdims=True))
            targets = (1 - SMOOTHING) * np.eye(4)[t.value] + SMOOTHING / 4
            slope = (powers / powers.sum(1, keepdims=True) - targets).mean(0)
            after = student.engine.state(student.module)["score"]["bias"]
            steps.append((after - before, -rate * slope))
        return outcome

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=rate, schedule="constant", warmup=0)
    np.testing.assert_allclose(*zip(*steps, strict=True), atol=1e-5)


@pytest.mark.parametrize("alone", [False, True])
def test_beside_a_teacher_the_part_on_labels_alone_is_smoothed(session, sets, alone):
    teacher, student = trained(small("Teacher")), small()
    options = {"alpha": 0.3, "label_smoothing": SMOOTHING}

    def learn(x, t):
        logits = teacher.batch_feature(x)
        if alone:
            return student.backprop(logits, distill=True, **options)
        return student.backprop(t, distill=logits, **options)

    def expected(scores, labels, x):
        soft = kd(scores, teacher.batch_feature(x).value)
        return 0.3 * soft + 0.7 * cross_entropy(scores, labels, smoothing_now())

    assert_losses(learn, expected, student)


def test_dkd_takes_the_true_class_as_it_is(session, sets):
    teacher, student, losses = trained(small("Teacher")), small(), []

    def workout(x, t):
        logits = teacher.batch_feature(x)
        for smoothing in (0, 0.5):
            student.classify(x)
            options = {"loss": "dkd", "label_weight": 0, "label_smoothing": smoothing}
            losses.append(student.backprop(t, distill=logits, **options))
        return losses[-1]

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=1e-9)
    np.testing.assert_allclose(losses[::2], losses[1::2], rtol=1e-4)


def test_class_probabilities_are_smoothed_too(session, sets):
    student = small()

    def probabilities(labels):
        return 0.4 * np.eye(4, dtype=np.float32)[labels] + 0.6 * np.eye(4, dtype=np.float32)[2]

    def learn(x, t):
        mixed = LabelTensor(t.value, t.engine, t.samples, probabilities=probabilities(t.value))
        return student.backprop(mixed, label_smoothing=SMOOTHING)

    seen = []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        expected = cross_entropy(scores, probabilities(t.value), smoothing_now())
        seen.append((learn(x, t), expected))
        return seen[-1][0]

    once(workout)
    np.testing.assert_allclose(*zip(*((o.loss, e) for o, e in seen), strict=True), rtol=1e-4)


def test_mixed_images_train_with_smoothed_labels(session, corners):
    InputBatch(*corners, batch_size=16, crop=1, mirror=False, mix="mixup")
    student, seen = small(), []

    def workout(x, t):
        scores = student.classify(x).value.astype(float)
        labels = t.value if t.probabilities is None else t.probabilities
        expected = cross_entropy(scores, labels, smoothing_now())
        outcome = student.backprop(t, label_smoothing=SMOOTHING)
        seen.append((outcome.loss, expected, t.probabilities is not None))
        return outcome

    once(workout)
    losses, expected, mixed = zip(*seen, strict=True)
    assert sum(mixed) == 4
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_auxiliary_classifiers_have_the_same_targets(session, sets):
    rows = [
        Layer("hidden", "InnerProduct", num_output=6),
        Layer("extra", "InnerProduct", "hidden", num_output=4, phase="TRAIN"),
        Layer("score", "InnerProduct", "hidden", num_output=4),
    ]
    plan = Plan(rows, {"data": (1, 1, 8, 8)}, logits="score", auxiliary={"extra": 0.3})
    student = Network(plan, in_size=8, order="L", scale=1 / 255, mean=(0.0,))

    def expected(scores, labels, x):
        total = cross_entropy(scores, labels, smoothing_now())
        for logits, weight in session.trainer.pending(student).heads:
            extra = session.engine.numpy(logits).astype(float)
            total += weight * cross_entropy(extra, labels, SMOOTHING)
        return total

    assert_losses(lambda x, t: student.backprop(t, label_smoothing=SMOOTHING), expected, student)


def test_labels_beside_features_are_smoothed(session, sets):
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Student", 3, pool=True)
    options = {"weight": 0, "label_weight": 2, "label_smoothing": SMOOTHING}
    assert_losses(
        lambda x, t: student.backprop(t, distill=teacher.feature(x), **options),
        lambda scores, labels, x: 2 * cross_entropy(scores, labels, smoothing_now()),
        student,
    )


def refused(words, learn, **options):
    """The words of the error, and no weight changed."""
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Student", 3, pool=True)
    before = student.engine.state(student.module)["score"]["weight"].copy()

    def workout(x, t):
        student.classify(x)
        return learn(teacher, student, x, t, **options)

    with pytest.raises(TrainingError, match=words):
        once(workout)
    assert np.array_equal(before, student.engine.state(student.module)["score"]["weight"])


@pytest.mark.parametrize(
    "value", [-0.1, 1.1, 10, "0.1", None, True, float("nan"), float("inf"), [0.1], lambda e: 0.1]
)
def test_a_value_outside_0_to_1_is_refused(session, sets, value):
    def learn(teacher, student, x, t, **options):
        return student.backprop(t, **options)

    words = r"Student.backprop: label_smoothing=.*; give a number from 0 to 1, such as 0.1$"
    refused(words, learn, label_smoothing=value)


def logits_alone(teacher, student, x, t, **options):
    return student.backprop(teacher.batch_feature(x), distill=True, **options)


def features_alone(teacher, student, x, t, **options):
    return student.backprop(distill=teacher.feature(x), **options)


@pytest.mark.parametrize("learn", [logits_alone, features_alone])
def test_without_a_part_on_labels_it_is_refused(session, sets, learn):
    words = "label_smoothing= smooths labels, and the loss has no part on labels; pass workout's t"
    refused(words, learn, label_smoothing=0.1)
    refused("label_smoothing='x'; give a number", learn, label_smoothing="x")
    refused(words, learn, label_smoothing=0.1, weight=2)


def test_images_without_labels_have_none_to_smooth(session, corners, sets):
    bare = corners[0].with_name("bare.txt")
    lines = corners[0].read_text().splitlines()
    bare.write_text("".join(f"{line.split()[0]}\n" for line in lines))
    InputBatch(bare, batch_size=16)

    def labels(teacher, student, x, t, **options):
        return student.backprop(t, **options)

    refused("these images have no labels", labels, label_smoothing=0.1)
    refused("these images have none", logits_alone, label_smoothing=0.1, label_weight=1)


def test_without_anything_to_learn_that_is_what_is_refused(session, sets):
    def nothing(teacher, student, x, t, **options):
        return student.backprop(**options)

    refused("there are neither labels nor features", nothing, label_smoothing=0.1)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("smoothing", "deelish calls it label_smoothing="),
        ("label_smothing", "did you mean label_smoothing="),
    ],
)
def test_another_word_leads_to_it(session, word, words):
    with pytest.raises(UsageError, match=words):
        small().backprop([0], **{word: 0.1})
