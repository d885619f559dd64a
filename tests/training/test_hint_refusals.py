"""backprop with hints: what is no hint is refused, with the cure, before any update."""

import numpy as np
import pytest
from helpers import once, small, trained
from hinted import FACTS, convolutional, known, lesson, weights

from deelish import Layer, Network, Plan
from deelish.errors import PlanError, TrainingError
from deelish.language.teachers import Ensemble


@pytest.fixture
def pair(session, sets):
    return known(convolutional("Teacher", 6)), convolutional("Student", 3, pool=True)


@pytest.mark.parametrize(
    ("hint", "error", "words"),
    [
        ("conv2", TrainingError, r"hint='conv2'; give a pair of layers \('student layer', 'teach"),
        (["conv1", "conv2"], TrainingError, "hint='conv1'; give a pair of layers"),
        (("conv1",), TrainingError, "hint='conv1'; give a pair of layers"),
        ({"student": "conv1"}, TrainingError, r"or dict\(student=..., teacher=..., kind="),
        (3, TrainingError, "hint=3; give a pair of layers"),
        ({"teacher": ["conv2"]}, TrainingError, "'teacher': .'conv2'.}; give a pair of layers"),
        ({"kind": ["fitnet"]}, TrainingError, "there is no hint .'fitnet'.; did you mean 'fitnet'"),
        (("conv3", "conv2"), PlanError, "Student has no layer 'conv3'; did you mean 'conv2' or"),
        (("conv2", "conv9"), PlanError, "Teacher has no layer 'conv9'; did you mean 'conv2' or"),
        ({"kind": "fitnets"}, TrainingError, "there is no hint 'fitnets'; did you mean 'fitnet'"),
        ({"kind": "crd"}, TrainingError, "there is no hint 'crd'; there is fitnet, attention, rel"),
        (
            {"angle": 1},
            TrainingError,
            "hint 'fitnet' takes no 'angle'; it takes student, teacher, kind, weight",
        ),
        (
            {"kind": "relational", "angle": -1},
            TrainingError,
            "'relational' has angle=-1; give 0 or",
        ),
        ({"weight": -1}, TrainingError, "weight=-1; give a number from 0 on, or a function of the"),
        (
            {"kind": "attention", "student": "score"},
            TrainingError,
            "hint 'attention' compares positions, and 'score' of Student and 'conv2' of Teacher",
        ),
    ],
)
def test_what_is_no_hint_is_refused(pair, hint, error, words):
    if isinstance(hint, dict) and set(hint) != {"student"}:
        hint = {"student": "conv2", "teacher": "conv2"} | hint
    before = weights(pair[1])
    with pytest.raises(error, match=words):
        once(lesson(*pair, hint))
    after = weights(pair[1])
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_several_networks_have_no_layer_of_their_own(pair):
    teacher, student = pair
    both = Ensemble(teacher, known(convolutional("Other", 6)))
    words = "Ensemble of .*: has no layer 'conv2' of its own; take the features of one of its net"
    with pytest.raises(PlanError, match=words):
        once(lesson(both, student, ("conv2", "conv2")))


def test_an_array_of_logits_gives_no_hint(pair):
    student = pair[1]

    def workout(x, t):
        student.classify(x)
        logits = np.eye(4, dtype=np.float32)[t.value] * 8
        return student.backprop(t, distill=logits, hint=("conv2", "conv2"))

    words = "Student.backprop: hint= needs the logits of a network, whose layer 'conv2' it compares"
    with pytest.raises(TrainingError, match=words):
        once(workout)


def test_a_layer_that_only_training_lacks_is_refused(session, sets):
    rows = [
        Layer("hidden", "InnerProduct", num_output=6),
        Layer("score", "InnerProduct", num_output=4),
        Layer("late", "ReLU", "hidden", "late", phase="TEST"),
    ]
    plan = Plan(rows, {"data": (1, 1, 8, 8)}, "Student", logits="score")
    student, teacher = Network(plan, **FACTS), trained(small("Teacher"))
    with pytest.raises(PlanError, match="Student: hint: 'late' is not made in training; name"):
        once(lesson(teacher, student, ("late", "hidden")))
