"""An ensemble is the mean of its members' logits or probabilities, against NumPy."""

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from models_of_others import PIXELS, Usual, eights

from deelish import InputBatch
from deelish.errors import TrainingError
from deelish.language.teachers import Ensemble, Teacher


def members(**args):
    first = Teacher(Usual(seed=1), labels=list("abcd"), **PIXELS)
    other = {"size": 8, "order": "BGR", "mean": 100.0, "scale": 0.01, "crop": 0.5}
    return first, Teacher(Usual(seed=2), **other | args)


def test_the_mean_of_logits(session):
    first, second = members(labels=["d", "b", "a", "c"])
    logits = Ensemble(first, second).batch_feature(eights())
    a, b = (member.batch_feature(eights()).value for member in (first, second))
    np.testing.assert_allclose(logits.value, (a + b[:, [2, 1, 3, 0]]) / 2, rtol=1e-5, atol=1e-6)


def test_the_mean_of_probabilities_is_their_logarithm(session):
    first, second = members()
    both = Ensemble(first, second, average="probabilities", name="Both")
    logits = both.batch_feature(eights())
    a, b = (np.exp(m.batch_feature(eights()).value.astype(float)) for m in (first, second))
    expected = (a / a.sum(1, keepdims=True) + b / b.sum(1, keepdims=True)) / 2
    np.testing.assert_allclose(np.exp(logits.value), expected, rtol=1e-4)
    assert logits.owner is both
    assert (both.name, both.labels, both.classes) == ("Both", list("abcd"), 4)
    assert both.parameters == 2 * first.parameters


def test_probabilities_far_below_one_stay_finite(session):
    far = Teacher(lambda v: np.array([[0.0, 900.0]] * len(v), np.float32), **PIXELS)
    logits = Ensemble(far, far, average="probabilities").batch_feature(eights()).value
    np.testing.assert_allclose(logits, [[-900, 0]] * 6)


def test_networks_of_deelish_are_members(session):
    first, second = small("A"), small("B")
    images = list(eights(4))
    logits = Ensemble(first, second).batch_feature(images)
    expected = (first.batch_feature(images).value + second.batch_feature(images).value) / 2
    np.testing.assert_allclose(logits.value, expected, rtol=1e-5, atol=1e-6)
    assert Ensemble(first, second).new_layers == {"A/hidden", "A/score", "B/hidden", "B/score"}


def test_an_ensemble_teaches(session, tmp_path):
    InputBatch(write_set(tmp_path, "train", 32), batch_size=16, crop=1, mirror=False)
    seen, pixels = [], {"size": 16, "mean": 0, "scale": 0.05}
    larger = Teacher(lambda v: seen.append(v.shape[1:]) or v[:, 0, :2, :2].reshape(-1, 4), **pixels)
    both, student = Ensemble(trained(small("A")), larger), small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(both.batch_feature(x), distill=True)

    assert once(workout)[-1]["loss"] >= 0
    assert set(seen) == {(3, 16, 16)}


def test_members_that_cannot_be_averaged_are_refused(session):
    first, second = members()
    with pytest.raises(TrainingError, match="takes two teachers or more, and got 1; make a"):
        Ensemble(first)
    with pytest.raises(TrainingError, match=r"got Usual among them; .* with Teacher\(model\)"):
        Ensemble(first, Usual())
    with pytest.raises(TrainingError, match=r"average='max'\): give 'logits' or 'probabilities'"):
        Ensemble(first, second, average="max")
    with pytest.raises(TrainingError, match="Usual has 9 classes and Usual 4; give"):
        Ensemble(first, Teacher(Usual(classes=9), **PIXELS))
    with pytest.raises(TrainingError, match="Usual: 1 of its 4 classes are not among those of"):
        Ensemble(first, Teacher(Usual(), labels=list("abcx"), **PIXELS))
