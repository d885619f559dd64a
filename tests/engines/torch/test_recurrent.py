"""LSTM and RNN in PyTorch against the recurrences, step by step, and torch's own LSTM."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from one_layer import gradients_hold, run, weights

from deelish.engines.torch.layers.recurrent import OPS

rng = np.random.default_rng(0)
CONT = np.array([[0, 1], [1, 1], [1, 0], [1, 1]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def draw(type, *bottoms, **args):
    found = weights(type, *(np.shape(b) for b in bottoms), **args)
    return {name: rng.normal(size=shape) for name, (shape, _, _) in found.items()}


def lstm(x, cont, p, h, c, static=None):
    tops = []
    for t, each in enumerate(x.reshape(*x.shape[:2], -1)):
        again = cont[t][:, None]
        gates = each @ p["weight"].T + p["bias"] + (again * h) @ p["weight_hidden"].T
        if static is not None:
            gates = gates + static.reshape(len(static), -1) @ p["weight_static"].T
        i, f, o, g = np.split(gates, 4, 1)
        c = again * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        tops.append(h)
    return np.stack(tops), h, c


def rnn(x, cont, p, h, static=None):
    tops = []
    for t, each in enumerate(x.reshape(*x.shape[:2], -1)):
        inner = each @ p["weight"].T + p["bias"] + (cont[t][:, None] * h) @ p["weight_hidden"].T
        if static is not None:
            inner = inner + static.reshape(len(static), -1) @ p["weight_static"].T
        h = np.tanh(inner)
        tops.append(np.tanh(h @ p["weight_output"].T + p["bias_output"]))
    return np.stack(tops), h


@pytest.mark.parametrize("shape", [(4, 2, 3), (4, 2, 2, 3)])
@pytest.mark.parametrize("with_static", [False, True])
@pytest.mark.parametrize("exposed", [False, True])
def test_lstm(shape, with_static, exposed):
    x, static = rng.normal(size=shape), rng.normal(size=(2, 3, 2))
    h, c = rng.normal(size=(2, 1, 2, 5)) if exposed else np.zeros((2, 1, 2, 5))
    bottoms = [x, CONT, *([static] if with_static else []), *([h, c] if exposed else [])]
    args = {"num_output": 5, "expose_hidden": exposed}
    p = draw("LSTM", *bottoms, **args)
    made = run("LSTM", *bottoms, p=p, tops=3 if exposed else 1, **args)
    tops, last_h, last_c = lstm(x, CONT, p, h[0], c[0], static if with_static else None)
    assert np.allclose(made[0], tops, atol=1e-5)
    if exposed:
        assert np.allclose(made[1][0], last_h, atol=1e-5)
        assert np.allclose(made[2][0], last_c, atol=1e-5)


@pytest.mark.parametrize("with_static", [False, True])
@pytest.mark.parametrize("exposed", [False, True])
def test_rnn(with_static, exposed):
    x, static = rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 3))
    h = rng.normal(size=(1, 2, 5)) if exposed else np.zeros((1, 2, 5))
    bottoms = [x, CONT, *([static] if with_static else []), *([h] if exposed else [])]
    args = {"num_output": 5, "expose_hidden": exposed}
    p = draw("RNN", *bottoms, **args)
    made = run("RNN", *bottoms, p=p, tops=2 if exposed else 1, **args)
    tops, last = rnn(x, CONT, p, h[0], static if with_static else None)
    assert np.allclose(made[0], tops, atol=1e-5)
    if exposed:
        assert np.allclose(made[1][0], last, atol=1e-5)


def test_an_unbroken_lstm_is_torchs_own_but_for_the_order_of_the_gates():
    x = rng.normal(size=(6, 2, 3)).astype(np.float32)
    p = draw("LSTM", x, np.ones((6, 2)), num_output=4)
    (y,) = run("LSTM", x, np.ones((6, 2)), p=p, num_output=4)
    own = torch.nn.LSTM(3, 4)
    i, f, o, g = range(0, 16, 4)
    order = [row + j for row in (i, f, g, o) for j in range(4)]
    with torch.no_grad():
        own.weight_ih_l0.copy_(torch.tensor(p["weight"][order]))
        own.weight_hh_l0.copy_(torch.tensor(p["weight_hidden"][order]))
        own.bias_ih_l0.copy_(torch.tensor(p["bias"][order]))
        own.bias_hh_l0.zero_()
        wanted = own(torch.tensor(x))[0].numpy()
    assert np.allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("type", ["LSTM", "RNN"])
def test_gradients(type):
    x = rng.normal(size=(3, 2, 2))
    p = draw(type, x, CONT[:3], num_output=2)
    assert gradients_hold(type, [x], p, fixed=[CONT[:3]], num_output=2)


def test_a_cell_adds_up_what_is_small_in_bfloat16():
    """Steps of 1/64 to a cell above 8: the sum of 1024 of them, where bfloat16 would stay."""
    gates = torch.tensor([20.0, 20.0, 20.0, np.arctanh(1 / 64)], dtype=torch.bfloat16)
    inputs = gates.repeat(1024, 1, 1)
    cont = torch.ones(1024, 1)
    weight = torch.zeros(4, 1)
    states = {"weight_hidden": weight, "weight": torch.eye(4), "bias": torch.zeros(4)}
    with torch.autocast("cpu", torch.bfloat16):
        args = {"num_output": 1, "expose_hidden": True}
        zero = torch.zeros(1, 1, 1)
        _, _, cell = OPS["LSTM"]([inputs, cont, zero, zero], SimpleNamespace(**states), args, None)
    assert abs(float(cell) - 16) < 0.2
