"""Layers that go through time, in Chainer: LSTM, RNN, and what leads to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deelish.engines.chainer.importing import import_chainer
from deelish.engines.chainer.layers.call import Args, Op, Variable
from deelish.plan.layers.recurrent import is_static

chainer = import_chainer()
F = chainer.functions


def _lstm(x: Sequence[Variable], p: Any, a: Args) -> list[Variable]:
    """Hochreiter and Schmidhuber 1997 with forget gates; `cont` of 0 begins a new sequence.

    Without `expose_hidden` every call begins with states of 0. Caffe goes on with the states that
    its last call ended with, where the first `cont` is not 0.
    """
    inputs = _inputs(x, p, a, 2)
    h, cell = _states(x, a, 2)
    made = []
    for gates, cont in zip(F.separate(inputs), _begun(x[1]), strict=True):
        i, f, o, g = F.split_axis(gates + F.linear(cont * h, p.weight_hidden), 4, 1)
        cell = cont * (F.sigmoid(f) * cell) + F.sigmoid(i) * F.tanh(g)
        h = F.sigmoid(o) * F.tanh(cell)
        made.append(h)
    return _tops(F.stack(made), a, h, cell)


def _rnn(x: Sequence[Variable], p: Any, a: Args) -> list[Variable]:
    """h_t = tanh(W x_t + b + W_h cont h_(t-1)), o_t = tanh(W_o h_t + b_o); states as an LSTM's."""
    inputs = _inputs(x, p, a, 1)
    (h,) = _states(x, a, 1)
    made = []
    for each, cont in zip(F.separate(inputs), _begun(x[1]), strict=True):
        h = F.tanh(each + F.linear(cont * h, p.weight_hidden))
        made.append(h)
    tops = F.tanh(F.linear(F.stack(made), p.weight_output, p.bias_output, n_batch_axes=2))
    return _tops(tops, a, h)


def _inputs(x: Sequence[Variable], p: Any, a: Args, states: int) -> Variable:
    """What the inputs of all times add to the gates, the static ones among them."""
    inputs = F.linear(x[0], p.weight, p.bias, n_batch_axes=2)
    if is_static(a, len(x), states):
        inputs = inputs + F.linear(x[2], p.weight_static)
    return inputs


def _begun(cont: Variable) -> list[Variable]:
    """By time, (batch, 1): 0 where a sequence begins."""
    return list(F.separate(F.expand_dims(cont, 2)))


def _states(x: Sequence[Variable], a: Args, states: int) -> list[Variable]:
    if a["expose_hidden"]:
        return [F.squeeze(state, 0) for state in x[len(x) - states :]]
    xp = chainer.backend.get_array_module(x[0])
    return [chainer.Variable(xp.zeros((x[0].shape[1], a["num_output"]), x[0].dtype))] * states


def _tops(made: Variable, a: Args, *last: Variable) -> list[Variable]:
    return [made, *(F.expand_dims(state, 0) for state in last if a["expose_hidden"])]


def _from_image(x: Variable) -> list[Variable]:
    n, c, h, w = x.shape
    rows = F.transpose(x, (2, 0, 1, 3)).reshape((h, n, c * w))
    xp = chainer.backend.get_array_module(x)
    cont = xp.ones((h, n), x.dtype)
    cont[0] = 0
    return [rows, chainer.Variable(cont)]


OPS: dict[str, Op] = {
    "ImageToSequence": lambda x, p, a, c: _from_image(x[0]),
    "LastStep": lambda x, p, a, c: x[0][-1],
    "LSTM": lambda x, p, a, c: _lstm(x, p, a),
    "RNN": lambda x, p, a, c: _rnn(x, p, a),
}
