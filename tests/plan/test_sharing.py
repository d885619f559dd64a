"""Weights shared by a name in `param`, and the multipliers of learning rate and decay."""

import numpy as np
import pytest
from helpers import parameters

from deelish import Deel, Layer, Network, Plan
from deelish.errors import PlanError, TrainingError

pytestmark = pytest.mark.usefixtures("each_engine")

SHARED = ({"name": "w"}, {"name": "b"})


def product(name, bottom, outputs=3, **args):
    return Layer(name, "InnerProduct", bottom, name, num_output=outputs, **args)


def network(rows, inputs):
    return Network(Plan(rows, inputs, "Net"), in_size=1)


def test_arrays_of_one_name_are_one_array():
    rows = [product("a", "x", param=SHARED), product("b", "y", param=SHARED)]
    with Deel():
        net = network(rows, {"x": (1, 4), "y": (1, 4)})
        x = np.ones((2, 4), np.float32)
        output = net.run({"x": x, "y": x}, ["a", "b"])
    np.testing.assert_array_equal(output["a"], output["b"])
    assert sorted(tuple(p.shape) for p in parameters(net)) == [(3,), (3, 4)]
    assert net.parameters == 15


def test_a_permissive_share_has_a_shape_of_its_own_and_is_trained_as_one():
    spec = ({"name": "w", "share_mode": "PERMISSIVE"},)
    rows = [
        product("a", "x", 8, bias_term=False, param=spec),
        Layer(
            "c", "Convolution", "y", "c", num_output=8, kernel_size=2, bias_term=False, param=spec
        ),
    ]
    with Deel():
        net = network(rows, {"x": (1, 12), "y": (1, 3, 2, 2)})
        values = np.arange(12, dtype=np.float32)
        output = net.run({"x": values[None], "y": values.reshape(1, 3, 2, 2)}, ["a", "c"])
        state = net.engine.state(net.module)
    np.testing.assert_allclose(output["a"].ravel(), output["c"].ravel(), rtol=1e-5)
    assert len(parameters(net)) == 1
    np.testing.assert_array_equal(state["a"]["weight"].ravel(), state["c"]["weight"].ravel())


def test_shapes_that_differ_cannot_be_shared():
    rows = [product("a", "x", param=SHARED), product("b", "y", param=SHARED)]
    words = (
        r"layer 'b' \(InnerProduct\): shares 'w' with layer 'a', but its weight is \(3, 5\) and"
        r" that is \(3, 4\); give it another name"
    )
    with pytest.raises(PlanError, match=words):
        Plan(rows, {"x": (1, 4), "y": (1, 5)})


@pytest.mark.parametrize(
    ("param", "words"),
    [
        (({}, {}, {}), "has 3 param for 2 arrays of weights; give one for each"),
        (({"lr_mul": 1},), "param has lr_mul=1; give name, lr_mult, decay_mult or share_mode"),
        (({"lr_mult": "1"},), "param has lr_mult='1'"),
        (({"lr_mult": float("nan")},), "lr_mult is nan; give a finite number"),
        ((1,), "param holds 1; give a dict"),
    ],
)
def test_a_param_that_is_none_is_refused(param, words):
    with pytest.raises(PlanError, match=words):
        Plan([product("a", "x", param=param)], {"x": (1, 4)})


def test_param_survives_a_file(tmp_path):
    param = ({"lr_mult": 10, "decay_mult": 0.5}, {"name": "b"})
    with Deel():
        net = network([product("a", "x", param=param)], {"x": (1, 4)})
        for extension in ("hdf5", "safetensors", "caffemodel"):
            again = Network.load(net.save(tmp_path / f"net.{extension}"))
            assert again.plan.layers[0].param == param
            assert again.plan.multipliers("a", "weight") == (10.0, 0.5)


def one_update(param, **options):
    """How far an array of ones moves in an update on a loss whose gradient is one everywhere."""
    rows = [product("a", "x", 1, bias_term=False, weight_filler=1.0, param=param)]
    with Deel():
        net = network([*rows, product("b", "a", 1, weight_filler=1.0)], {"x": (1, 3)})
        engine = net.engine
        optimizer = engine.optimizer(net.module, "sgd", 0.1, options)
        x = {"x": np.ones((1, 3), np.float32)}
        loss = engine.sum(engine.run(net.module, x, ["b"], training=True)["b"])
        engine.update([optimizer], loss, 0.1)
        return 1 - engine.state(net.module)["a"]["weight"]


def test_lr_mult_multiplies_the_rate():
    np.testing.assert_allclose(one_update(({"lr_mult": 3},)), 0.3, rtol=1e-5)
    np.testing.assert_allclose(one_update(()), 0.1, rtol=1e-5)


def test_an_array_of_rate_zero_stays_and_gets_no_gradient():
    np.testing.assert_array_equal(one_update(({"lr_mult": 0},)), 0)


def test_decay_mult_multiplies_the_decay():
    # SGD: weight - lr * (gradient + decay * decay_mult * weight).
    moved = one_update(({"decay_mult": 2},), weight_decay=0.25)
    np.testing.assert_allclose(moved, 0.1 * (1 + 0.25 * 2), rtol=1e-5)
    np.testing.assert_allclose(one_update(({"decay_mult": 0},), weight_decay=0.25), 0.1, rtol=1e-5)


def test_a_network_of_rate_zero_does_not_train():
    with Deel() as deel:
        net = network([product("a", "x", param=({"lr_mult": 0}, {"lr_mult": 0}))], {"x": (1, 3)})
        with pytest.raises(TrainingError, match="Net: every lr_mult is 0, so nothing would be"):
            deel.engine.optimizer(net.module, "sgd", 0.1, {})
