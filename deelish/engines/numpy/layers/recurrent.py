"""Layers that go through time, in NumPy: LSTM, RNN, and what leads to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deelish.engines.numpy.layers.activation import sigmoid
from deelish.engines.numpy.layers.call import Args, Array, Op
from deelish.plan.layers.recurrent import is_static


def _lstm(x: Sequence[Array], p: Any, a: Args) -> list[Array]:
    """Hochreiter and Schmidhuber 1997 with forget gates, step by step (lstm_layer.cpp).

    i, f, o, g = W x + b + W_static s + W_hidden (cont h)
    c = cont sigmoid(f) c + sigmoid(i) tanh(g)
    h = sigmoid(o) tanh(c)
    """
    fed = _fed(x, p, a, 2)
    h, c = _states(x, a, 2)
    tops = []
    for step, cont in zip(fed, x[1][..., None], strict=True):
        i, f, o, g = np.split(step + (cont * h) @ p.weight_hidden.T, 4, axis=1)
        c = cont * sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        tops.append(h)
    return _made(tops, a, h, c)


def _rnn(x: Sequence[Array], p: Any, a: Args) -> list[Array]:
    """Elman 1990, step by step (rnn_layer.cpp).

    h = tanh(W x + b + W_static s + W_hidden (cont h))
    o = tanh(W_output h + b_output)
    """
    fed = _fed(x, p, a, 1)
    (h,) = _states(x, a, 1)
    tops = []
    for step, cont in zip(fed, x[1][..., None], strict=True):
        h = np.tanh(step + (cont * h) @ p.weight_hidden.T)
        tops.append(np.tanh(h @ p.weight_output.T + p.bias_output))
    return _made(tops, a, h)


def _fed(x: Sequence[Array], p: Any, a: Args, states: int) -> Array:
    """W x + b + W_static s for all times, (time, n, gates)."""
    fed = x[0].reshape(*x[0].shape[:2], -1) @ p.weight.T + p.bias
    if is_static(a, len(x), states):
        fed = fed + x[2].reshape(len(x[2]), -1) @ p.weight_static.T
    return fed


def _states(x: Sequence[Array], a: Args, states: int) -> list[Array]:
    """What a call begins with: the last bottoms with `expose_hidden`, else zeros, (n, output)."""
    if a["expose_hidden"]:
        return [state[0] for state in x[-states:]]
    return [np.zeros((x[0].shape[1], a["num_output"]))] * states


def _made(tops: Sequence[Array], a: Args, *last: Array) -> list[Array]:
    """The outputs of all times, and with `expose_hidden` the last states as (1, n, output)."""
    return [np.stack(tops), *(state[None] for state in last if a["expose_hidden"])]


def _from_image(x: Array) -> list[Array]:
    n, c, h, w = x.shape
    rows = [x[:, :, row].reshape(n, c * w) for row in range(h)]
    return [np.stack(rows), np.stack([np.full(n, float(row > 0)) for row in range(h)])]


OPS: dict[str, Op] = {
    "ImageToSequence": lambda x, p, a, c: _from_image(x[0]),
    "LastStep": lambda x, p, a, c: x[0][-1],
    "LSTM": lambda x, p, a, c: _lstm(x, p, a),
    "RNN": lambda x, p, a, c: _rnn(x, p, a),
}
