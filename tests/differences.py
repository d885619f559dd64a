"""Gradients: those of an engine, and those of finite differences of a NumPy function."""

import numpy as np

from deelish.engines import open_engine


def engine_of(name):
    """An engine on the CPU."""
    return open_engine(name, -1)


def leaf(engine, values):
    """The engine's tensor of these numbers, float32, that requires a gradient."""
    tensor = engine.array(np.asarray(values, np.float32))
    if engine.name == "torch":
        return tensor.requires_grad_(True)
    return type(tensor)(tensor.array)


def value_and_gradient(engine, loss, tensor):
    """A scalar of the engine as a float, and its gradient by the tensor as an array."""
    assert tuple(loss.shape) == ()
    loss.backward()
    return float(engine.numpy(loss)), engine.numpy(tensor.grad)


def slope(function, values, step=1e-5):
    """The gradient of a NumPy function by central differences, float64."""
    values = np.array(values, np.float64)
    gradient = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        ends = []
        for sign in (1, -1):
            moved = values.copy()
            moved[index] += sign * step
            ends.append(function(moved))
        gradient[index] = (ends[0] - ends[1]) / (2 * step)
    return gradient


def assert_agrees(engine, loss, tensor, function, values):
    """The engine's loss and gradient are those of the NumPy function."""
    number, gradient = value_and_gradient(engine, loss, tensor)
    np.testing.assert_allclose(number, function(np.asarray(values, np.float64)), rtol=2e-4)
    expected = slope(function, values)
    np.testing.assert_allclose(gradient, expected, rtol=2e-3, atol=2e-4 * abs(expected).max())
