"""Variational networks: penalties, drawn codes, a teacher's Gaussians, on both engines."""

import numpy as np
import pytest
from arrays import BCE, assert_losses, entropy, pixels, variational
from helpers import once
from hinted import known

from deelish import BatchTrain, Deel, InputBatch, Layer, Network


def divergence(moments):
    means, logs = np.split(moments.astype(np.float64), 2, axis=1)
    return (means**2 + np.exp(logs) - 1 - logs).sum() / (2 * len(moments))


@pytest.mark.parametrize(("per", "numbers"), [("image", 1), ("number", 64)])
def test_a_penalty_is_added_for_the_same_optimum(session, sets, per, numbers):
    network = variational(loss_weight=0.7)

    def learn(x):
        learn.moments = network.feature(x, layer="gaussian").value
        learn.output = network.forward(x).value.astype(np.float64)
        return network.backprop(x, loss=BCE, per=per)

    def expected(x):
        each = entropy(learn.output, pixels(network, x)).sum() / len(x)
        return (each + 0.7 * divergence(learn.moments)) / numbers

    assert_losses(learn, expected)


def test_codes_are_drawn_in_training_and_validation_and_are_means_elsewhere(session, sets):
    network, drawn = variational(), []

    def workout(x, t):
        first, second = network.forward(x).value, network.forward(x).value
        drawn.append(not np.allclose(first, second, atol=1e-6))
        y = network.batch_feature(x).value
        assert (y == network.batch_feature(x).value).all()
        assert not np.allclose(y, first, atol=1e-6)
        network.forward(x)
        return network.backprop(x, loss=BCE, per="image")

    once(workout)
    assert drawn == [True] * 6
    # Nor does the module itself go on to draw, which a script may call.
    assert not network.module.sampled
    image = np.full((8, 8), 90, np.uint8)
    assert (network.forward(image).value == network.forward(image).value).all()


def test_codes_have_the_mean_and_the_deviation_that_they_are_drawn_with(session, sets):
    constant = {"type": "constant", "value": 2}
    fillers = {"weight_filler": {"type": "constant"}, "bias_filler": constant}
    rows = [
        Layer("gaussian", "InnerProduct", num_output=400, **fillers),
        Layer("code", "GaussianSample"),
    ]
    network = Network(rows, in_size=8, order="L", mean=0, scale=1 / 255)
    drawn = []

    def workout(x, t):
        drawn.append(network.forward(x).value)
        return network.backprop(np.full((len(x), 200), 2, np.float32), loss="mse")

    # A rate of nearly 0: the means stay 2, and the logarithms of the variances.
    BatchTrain(workout, epochs=1, optimizer="sgd", lr=1e-9)
    codes = np.concatenate(drawn)
    assert codes.mean() == pytest.approx(2, abs=0.1)
    assert codes.std() == pytest.approx(np.exp(2 / 2), rel=0.03)


def test_what_is_drawn_in_validation_does_not_depend_on_the_training(each_engine, corners):
    def validation_loss(draws_more):
        with Deel(seed=1) as session:
            InputBatch(*corners, batch_size=16, crop=1, mirror=False)
            network = variational()

            def workout(x, t):
                network.forward(x)
                outcome = network.backprop(x, loss=BCE, per="image")
                if session.training and draws_more:
                    network.forward(x)
                return outcome

            return once(workout)[0]["val_loss"]

    assert validation_loss(draws_more=True) == validation_loss(draws_more=False)


def test_a_variational_student_learns_its_teachers_gaussian(session, sets):
    teacher, student = known(variational("Teacher")), variational("Student")
    hint = {"kind": "gaussian", "student": "gaussian", "teacher": "gaussian", "weight": 2.0}

    def learn(x):
        y = teacher.batch_feature(x)
        learn.other = teacher.feature(x, layer="gaussian").value.astype(np.float64)
        learn.own = student.feature(x, layer="gaussian").value.astype(np.float64)
        learn.taught = y.value.astype(np.float64)
        made = student.forward(x)
        outcome = student.backprop(y, distill=True, loss=BCE, per="image", hint=hint)
        learn.output = made.value.astype(np.float64)
        return outcome

    def expected(x):
        (m, s), (n, r) = (np.split(each, 2, axis=1) for each in (learn.own, learn.other))
        apart = (s - r + (np.exp(r) + (m - n) ** 2) / np.exp(s) - 1).sum() / (2 * len(x))
        return (
            entropy(learn.output, learn.taught).sum() / len(x) + divergence(learn.own) + 2 * apart
        )

    seen = []

    def workout(x, t):
        outcome = learn(x)
        # In the first batch the student runs again, and draws the same.
        seen.append((outcome.loss, expected(x)))
        return outcome

    once(workout)
    np.testing.assert_allclose(*zip(*seen, strict=True), rtol=1e-4)
