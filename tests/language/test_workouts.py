"""What a workout may be, and what its steps refuse: other arguments, options and losses."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from language.verbs import refused

from deelish import (
    BatchTrain,
    Deel,
    InputBatch,
)
from deelish.distillation.losses import LOSSES, Loss
from deelish.errors import (
    TrainingError,
    UsageError,
)

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("workout", "words"),
    [
        (lambda x: (1, 1), "BatchTrain: workout(x) is called with two arguments; write def"),
        (lambda: (1, 1), "BatchTrain: workout() is called with two arguments"),
        (lambda x, t, z: (1, 1), "BatchTrain: workout(x, t, z) is called with two arguments"),
        ("train", "BatchTrain(workout='train'): give a function, def workout(x, t): ..."),
    ],
)
def test_a_workout_of_other_arguments_is_refused_before_the_first_batch(images, workout, words):
    refused(TrainingError, words, BatchTrain, workout)


def test_a_workout_may_have_more_arguments_with_defaults(images):
    assert len(once(lambda x, t, factor=1: (1.0, 1.0))) == 1


def test_an_error_of_the_workout_itself_comes_through(images):
    def workout(x, t):
        return len(5)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len\(\)") as caught:
        once(workout)
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight_decays": 0.1}, "takes no such option; did you mean weight_decay="),
        ({"momentum": 0.9}, "BatchTrain(momentum=0.9): optimizer 'adam' takes no such option"),
        ({"optimizer": "sgd", "momentun": 0.9}, "did you mean momentum="),
        ({"optimizer": "sgd", "nesterow": True}, "did you mean nesterov="),
        ({"learning_rate": 0.1}, "deelish calls it lr="),
    ],
)  # fmt: skip
def test_an_option_that_the_optimiser_does_not_take(each_engine, tmp_path, options, words):
    with Deel():
        student = small()
        InputBatch(write_set(tmp_path, "train", 16), batch_size=16, crop=1)
        refused(UsageError, words, BatchTrain, lambda x, t: student.backprop(t), **options)


GIVEN = [
    ({"distill": "teacher"}, "distill needs a teacher's logits, and got the teacher Teacher its"),
    ({"distill": "kd"}, "got 'kd'; write logits = teacher.batch_feature(x)"),
    ({"distill": None}, "got None; write logits = teacher.batch_feature(x)"),
    ({"distill": {}}, "got dict; write logits = teacher.batch_feature(x)"),
    ({"distill": 1}, "distill needs a teacher's logits, and got 1; write logits ="),
    ({"distill": np.full((16, 4), np.nan)}, "the logits of the teacher are not finite"),
    ({"distill": "logits", "loss": lambda logits: logits.sum()}, "is called with two arrays of"),
    ({"distill": "logits", "weight": lambda: 1}, "the function weight= is called with the epoch"),
    ({"t": None}, "there are neither labels nor features; pass workout's t"),
    ({"t": "teacher"}, "t is Network, where labels are needed; pass workout's t"),
    ({"distill": "logits", "loss": "kdd"}, "there is no loss 'kdd'; did you mean 'kd' or 'dkd'"),
    ({"distill": "logits", "loss": 3}, "loss=3; give a name (kd, mse"),
    ({"distill": "logits", "hint": {"student": "hidden", "teacher": "hidden", "kind": "fitnt"}},
     "there is no hint 'fitnt'; did you mean 'fitnet'"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), GIVEN)
def test_what_backprop_cannot_learn_from(images, given, words):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        known = {"logits": teacher.batch_feature(x), "teacher": teacher}
        read = {
            key: known.get(value, value) if isinstance(value, str) else value
            for key, value in {"t": t, **given}.items()
        }
        return student.backprop(**read)

    refused(TrainingError, words, once, workout)


def test_a_loss_that_a_script_adds_brings_its_options(images, monkeypatch):
    row = Loss(lambda pair, power: pair.engine.sum(pair.student**power), {"power": 2.0})
    monkeypatch.setitem(LOSSES, "power", row)
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t, option="power"):
        student.classify(x)
        return student.backprop(t, teacher.batch_feature(x), loss="power", **{option: 2})

    assert once(workout)
    words = "Network.backprop(powr=2): there is no such argument; did you mean power="
    refused(UsageError, words, once, lambda x, t: workout(x, t, "powr"))
