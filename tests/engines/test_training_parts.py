"""What the engines offer for losses, several networks at once, and averages of weights."""

import numpy as np
import pytest
from conftest import require_chainer

from deelish.engines import open_engine
from deelish.errors import EngineError
from deelish.plan import Layer, Plan
from deelish.plan.initialisation import fill

RNG = np.random.default_rng(2)
X = RNG.normal(0, 1, (4, 2, 6, 6)).astype(np.float32)
ROWS = [
    Layer("conv", "Convolution", num_output=3, kernel_size=3, param=[{"lr_mult": 0}, {}]),
    Layer("bn", "BatchNorm"),
    Layer("scale", "Scale", bias_term=True),
    Layer("score", "InnerProduct", num_output=5, param=[{"name": "w"}, {}]),
    Layer("again", "InnerProduct", "scale", num_output=5, param=[{"name": "w"}, {}]),
    Layer("sum", "Eltwise", ("score", "again")),
]


@pytest.fixture(params=["torch", "chainer", "numpy"])
def engine(request):
    if request.param == "chainer":
        require_chainer()
    return open_engine(request.param, -1)


@pytest.fixture
def learner(engine):
    if engine.name == "numpy":
        pytest.skip("NumPy does not train")
    return engine


def build(engine, seed=0, rows=ROWS):
    plan = Plan(rows, {"data": X.shape})
    values = {
        layer: {name: fill(blob, (seed,), layer + name) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return engine.build(plan, values)


@pytest.mark.parametrize("axis", [None, 0, 1, 3])
def test_total_keeps_the_axis_that_it_is_given(engine, axis):
    made = engine.numpy(engine.sum(engine.array(X), axis))
    np.testing.assert_allclose(made, X.sum(axis, keepdims=axis is not None), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("first", "second"), [((3, 4), (4, 5)), ((3, 6), (4, 2, 6, 6)), ((4, 2, 6, 6), (6, 1))]
)
def test_matmul_multiplies_the_last_two_axes_and_broadcasts_the_others(engine, first, second):
    a, b = (RNG.normal(0, 1, shape).astype(np.float32) for shape in (first, second))
    made = engine.numpy(engine.matmul(engine.array(a), engine.array(b)))
    np.testing.assert_allclose(made, a @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 1, 3, 4)])
def test_the_last_two_axes_are_swapped(engine, shape):
    values = RNG.normal(0, 1, shape).astype(np.float32)
    made = engine.numpy(engine.swap_last_axes(engine.array(values)))
    assert np.array_equal(made, np.moveaxis(values, -1, -2))


def test_several_networks_step_along_the_gradients_of_one_loss(learner):
    rows = [Layer("score", "InnerProduct", num_output=3)]
    modules = [build(learner, seed, rows) for seed in (0, 1)]
    optimizers = [learner.optimizer(module, "sgd", 0.5, {}) for module in modules]
    before = [learner.state(module)["score"]["weight"].copy() for module in modules]
    first, second = (
        learner.run(module, {"data": X}, ["score"], training=True)["score"] for module in modules
    )
    learner.update(optimizers, learner.sum(first * 2 - second), 0.25)
    after = [learner.state(module)["score"]["weight"] for module in modules]
    slope = np.broadcast_to(X.reshape(4, -1).sum(0), (3, 72))
    np.testing.assert_allclose(after[0], before[0] - 0.25 * 2 * slope, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(after[1], before[1] + 0.25 * slope, rtol=1e-4, atol=1e-4)


def test_ema_update_moves_the_trainable_arrays_and_copies_the_buffers(learner):
    average, student = build(learner, 0), build(learner, 1)
    learner.run(student, {"data": X}, ["sum"], training=True)
    old, new = learner.state(average), learner.state(student)
    learner.ema_update(average, student, 0.9)
    made = learner.state(average)
    for layer, blobs in made.items():
        for name, array in blobs.items():
            expected = 0.9 * old[layer][name] + 0.1 * new[layer][name]
            if layer == "bn":
                expected = new[layer][name]
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(old["bn"]["mean"], new["bn"]["mean"])
    after = learner.state(student)
    assert all(np.array_equal(after[k][b], new[k][b]) for k in new for b in new[k])


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 1.0])
def test_ema_update_may_average_the_buffers_too(learner, decay):
    average, student = build(learner, 0), build(learner, 1)
    learner.run(student, {"data": X}, ["sum"], training=True)
    old, new = learner.state(average), learner.state(student)
    learner.ema_update(average, student, decay, buffers=True)
    for layer, blobs in learner.state(average).items():
        for name, array in blobs.items():
            expected = decay * old[layer][name] + (1 - decay) * new[layer][name]
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7)
            if decay in (0, 1):
                assert np.array_equal(array, expected)


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_ema_update_leaves_equal_numbers_as_they_are(learner, decay):
    average, student = build(learner, 1), build(learner, 1)
    before = learner.state(average)
    for _ in range(5):
        learner.ema_update(average, student, decay, buffers=True)
    after = learner.state(average)
    assert all(np.array_equal(after[k][b], before[k][b]) for k in before for b in before[k])


def test_numpy_does_neither():
    engine = open_engine("numpy", -1)
    module = build(engine)
    for call in (lambda: engine.update([], 0, 0.1), lambda: engine.ema_update(module, module, 0.9)):
        with pytest.raises(EngineError, match="engine 'numpy' is for inference alone; train"):
            call()
