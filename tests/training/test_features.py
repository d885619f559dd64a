"""backprop with a teacher's features: formulas, labels, what waits for labels, refusals."""

import math

import numpy as np
import pytest
import torch
from helpers import once, small
from hinted import convolutional, known, weights
from models_of_others import PIXELS, Usual
from torch import nn

from deelish import BatchTrain, Deel, InputBatch, Student, Teacher
from deelish.errors import PlanError, TrainingError
from deelish.language.session import current_session


@pytest.fixture
def pair(session, sets):
    return known(convolutional("Teacher", 6)), convolutional("Student", 3, pool=True)


def projected(student_features):
    """The student's features through the projection of this training, float64."""
    (projection,) = current_session().trainer.memory.projections.values()
    held = weights(projection)
    return student_features @ held["projection/weight"][:, :, 0, 0].T + held["projection/bias"]


def cosine(student, teacher):
    lengths = np.linalg.norm(student, axis=1) * np.linalg.norm(teacher, axis=1)
    return 1 - ((student * teacher).sum(1) / lengths).mean()


def squared(student, teacher):
    return ((student - teacher) ** 2).mean()


@pytest.mark.parametrize(("loss", "formula"), [("cosine", cosine), ("mse", squared)])
def test_features_are_pooled_standardised_and_projected(pair, loss, formula):
    teacher, student = pair
    batches, seen = [], []

    def workout(x, t):
        own = student.feature(x, layer="conv2").value.astype(float).mean((2, 3))
        its = teacher.feature(x, layer="conv2").value.astype(float).mean((2, 3))
        training = current_session().trainer.training
        if training:
            batches.append(its)
        every = np.concatenate(batches)
        memory, known_before = current_session().trainer.memory, bool(seen)
        before = projected(own) if memory.projections else None
        student.classify(x)
        outcome = student.backprop(distill=teacher.feature(x, layer="conv2"), loss=loss)
        if known_before:
            standard = (its - every.mean(0)) / every.std(0)
            assert outcome.loss == pytest.approx(formula(before, standard), rel=1e-3)
        seen.append(training)
        return outcome

    BatchTrain(workout, epochs=2)
    assert seen.count(True) == 8
    assert seen.count(False) == 4


def test_the_embedding_is_what_goes_into_the_last_layer(pair):
    teacher, student = pair
    losses = []

    def workout(x, t):
        x_losses = []
        for layers in ({}, {"layer": "conv2"}):
            student.classify(x)
            given = teacher.feature(x, **layers)
            assert given.pooled.shape == (len(x), 6)
            x_losses.append(student.backprop(distill=given, **layers).loss)
        losses.append(x_losses)
        return x_losses[0], 0

    current_session().dataset.val = None
    once(workout)
    np.testing.assert_allclose(losses[0][0], losses[0][1], rtol=0.2)


def test_the_loss_falls_and_the_last_layer_waits_for_labels(pair):
    teacher, student = pair
    before = weights(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x))

    history = BatchTrain(workout, epochs=8, lr=0.02)
    assert history[-1]["val_loss"] < 0.8 * history[0]["val_loss"]
    assert "agreement" not in history[0]
    after = weights(student)
    assert student.untrained == student.new_layers == {"score"}
    for name, array in before.items():
        assert np.array_equal(array, after[name]) == name.startswith("score"), name

    def on_labels(x, t):
        student.classify(x)
        return student.backprop(t)

    once(on_labels)
    assert not student.untrained


def test_labels_are_added_with_their_weight(pair):
    teacher, student = pair
    current_session().dataset.val = None

    def workout(x, t):
        parts = []
        for given in ({}, {"label_weight": 0}, {"weight": 0, "label_weight": 2}, {"alpha": 0.25}):
            state = student.engine.state(student.module)
            scores = student.classify(x).value.astype(float)
            parts.append(student.backprop(t, distill=teacher.feature(x), **given).loss)
            shifted = scores - scores.max(1, keepdims=True)
            chosen = shifted[np.arange(len(x)), t.value]
            entropy = (np.log(np.exp(shifted).sum(1)) - chosen).mean()
            student.module = student.engine.build(student.plan, state)
        both, alone, labels, mixed = parts
        assert labels == pytest.approx(2 * entropy, rel=1e-4)
        assert both == pytest.approx(alone + entropy, rel=0.05)
        assert mixed == pytest.approx(alone / 4 + entropy * 3 / 4, rel=0.1)
        return both, 0

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=1e-9)


def test_accuracy_is_measured_only_where_labels_are_the_students(session, corners, capsys):
    teacher = known(convolutional("Teacher", 6))
    InputBatch(*corners, batch_size=16)
    student = small(outputs=2)
    found = []

    def workout(x, t):
        student.classify(x)
        found.append(student.backprop(distill=teacher.feature(x)))
        return found[-1]

    history = BatchTrain(workout, epochs=1)
    assert all(math.isnan(outcome.accuracy) for outcome in found)
    assert "accuracy" not in history[0]
    assert "accuracy" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"hint": ("conv2", "conv2")},
            "hint= is about a teacher's logits, and features were given",
        ),
        ({"temperature": 4}, "temperature= is about a teacher's logits"),
        ({"loss": "kd"}, "features have no loss 'kd'"),
        ({"loss": len}, "features have no loss .*give one of cosine, mse"),
        ({"layer": 3}, "layer=3; give the name"),
        ({"weight": -1}, "weight=-1; give a number from 0 on"),
    ],
)
def test_options_of_logits_are_refused_beside_features(pair, options, sentence):
    teacher, student = pair

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x), **options)

    with pytest.raises(TrainingError, match=sentence):
        once(workout)


def test_layers_that_are_not_there_are_refused(pair):
    teacher, student = pair

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x), layer="conv7")

    with pytest.raises(PlanError, match="has no layer 'conv7'"):
        once(workout)
    with pytest.raises(PlanError, match="has no layer 'conv9'"):
        once(lambda x, t: teacher.feature(x, layer="conv9"))


def test_without_labels_and_features_there_is_nothing_to_learn(pair):
    teacher, student = pair

    def given(*args, **options):
        def workout(x, t):
            student.classify(x)
            return student.backprop(*[each(x) for each in args], **options)

        return workout

    with pytest.raises(TrainingError, match="there are neither labels nor features"):
        once(given())
    with pytest.raises(TrainingError, match="layer= names the student's layer that learns"):
        once(given(teacher.batch_feature, distill=True, layer="conv2"))


def test_features_of_other_images_and_of_the_student_are_refused(pair):
    teacher, student = pair
    held = []

    def of_before(x, t):
        held.append(teacher.feature(x))
        student.classify(x)
        return student.backprop(distill=held[0])

    with pytest.raises(TrainingError, match="the features of Teacher belong to other images"):
        once(of_before)

    def of_itself(x, t):
        student.classify(x)
        return student.backprop(distill=student.feature(x))

    with pytest.raises(TrainingError, match="the student's own features were given"):
        once(of_itself)


def test_a_teacher_that_was_never_trained_is_refused(session, sets):
    teacher, student = convolutional("Teacher", 6), convolutional("Student", 3)

    def workout(x, t):
        student.classify(x)
        return student.backprop(distill=teacher.feature(x))

    with pytest.raises(TrainingError, match="the teacher Teacher was never loaded nor trained"):
        once(workout)


class Odd(nn.Module):
    """Its part makes features of a width that a script sets, or something else."""

    def __init__(self):
        super().__init__()
        self.part, self.score, self.make = nn.Identity(), nn.Linear(3, 4), lambda x: x
        self.part.register_forward_hook(lambda part, given, made: self.make(made))

    def forward(self, x):
        self.part(x.mean((2, 3)))
        return self.score(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda x: x[:, :2], "3 channels of 'input of score' are to learn 2 of 'part' of Odd"),
        (lambda x: [x], "layer 'part' makes list, no tensor"),
        (lambda x: x[:2], r"'part' of Odd makes \(2, 3\) of 16 images"),
        (lambda x: x * math.inf, "the features 'part' of the teacher Odd are not finite"),
    ],
)
def test_features_that_change_or_are_none_are_refused(corners, make, sentence):
    with Deel(seed=1):
        module = Odd()
        teacher = Teacher(module, **PIXELS)
        student = Student(Odd(), name="Student", **PIXELS)
        InputBatch(*corners, batch_size=16)
        batches = []

        def workout(x, t):
            batches.append(x)
            if len(batches) == 2:
                module.make = make
            student.classify(x)
            return student.backprop(distill=teacher.feature(x, layer="part"))

        with pytest.raises(TrainingError, match=sentence):
            once(workout)


class Tokens(nn.Module):
    """Tokens (n, 16, 6), whose mean is classified."""

    def __init__(self):
        super().__init__()
        self.patch, self.norm, self.head = nn.Conv2d(3, 6, 2, 2), nn.LayerNorm(6), nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.norm(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


def test_a_torch_module_learns_from_tokens_of_another(corners):
    with Deel(seed=1):
        torch.manual_seed(0)
        teacher, student = Teacher(Tokens(), **PIXELS), Student(Usual(), **PIXELS)
        InputBatch(*corners, batch_size=16)
        tokens = []

        def workout(x, t):
            student.classify(x)
            given = teacher.feature(x, layer="norm")
            tokens.append((given.shape, given.pooled.shape))
            return student.backprop(distill=given, loss="mse")

        history = BatchTrain(workout, epochs=3, lr=0.01)
        assert tokens[0] == ((16, 16, 6), (16, 6))
        assert history[-1]["loss"] < history[0]["loss"]
        assert student.untrained == set()
