"""The state of an optimiser lasts from the first update to the last: NumPy's formulas."""

import numpy as np
import pytest
from training.regression import gradient, linear, noted, weights_of

from deelish import BatchTrain, Layer, Network

LEARNING_RATE = 0.01


def momentum(weights, batches):
    """PyTorch's SGD with momentum 0.9: the velocity is free of the learning rate."""
    velocity = np.zeros_like(weights)
    for batch in batches:
        velocity = 0.9 * velocity + gradient(weights, *batch)
        weights = weights - LEARNING_RATE * velocity
    return weights


def adam(weights, batches):
    """Kingma and Ba 2015, algorithm 1."""
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step, batch in enumerate(batches, start=1):
        slope = gradient(weights, *batch)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        weights = weights - LEARNING_RATE * first / (1 - 0.9**step) / size
    return weights


@pytest.mark.parametrize(
    ("formula", "options"),
    [(momentum, {"optimizer": "sgd", "momentum": 0.9}), (adam, {"optimizer": "adam"})],
)
@pytest.mark.usefixtures("sets")
def test_it_lasts_over_epochs_and_their_validation(session, formula, options):
    student, batches = linear(), []
    before = weights_of(student)

    def workout(x, t):
        if session.trainer.training:
            batches.append(noted(student, x, t))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=3, lr=LEARNING_RATE, schedule="constant", warmup=0, **options)
    assert len(batches) == 3 * 4
    right = formula(before, batches)
    # Chainer's Adam adds its epsilon elsewhere in the formula: small gradients show it.
    np.testing.assert_allclose(weights_of(student), right, rtol=0, atol=5e-4)


def test_weights_whose_gradient_comes_later_get_their_momentum_then(session, sets):
    rows = [
        Layer("first", "InnerProduct", num_output=4),
        Layer("second", "InnerProduct", bottom="data", num_output=4),
        Layer("score", "Eltwise", bottom=("first", "second")),
    ]
    student, steps = Network(rows, in_size=8, order="L", mean=(0.0,), scale=1 / 255), []
    teacher = Network(rows[:1], in_size=8, order="L", mean=(0.0,), scale=1 / 255)
    teacher.untrained.clear()
    session.dataset.val = None

    def workout(x, t):
        before = student.engine.state(student.module)
        student.classify(x)
        if len(steps) < 2:
            given = teacher.feature(x, layer="first")
            outcome = student.backprop(distill=given, layer="first", loss="mse")
        else:
            outcome = student.backprop(t)
        after = student.engine.state(student.module)
        moved = {name: after[name]["weight"] - before[name]["weight"] for name in after}
        steps.append({name: bool(step.any()) for name, step in moved.items()})
        return outcome

    BatchTrain(workout, epochs=1, optimizer="sgd", lr=0.01, momentum=0.9)
    assert [step["second"] for step in steps] == [False, False, True, True]
    assert all(step["first"] for step in steps)
