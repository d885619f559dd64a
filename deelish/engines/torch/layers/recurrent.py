"""Layers that go through time, in PyTorch: LSTM, RNN, and what leads to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from deelish.engines.torch.layers.call import Args, Op
from deelish.engines.torch.layers.lstm_steps import LSTMSteps
from deelish.plan.layers.recurrent import is_static


def _lstm(x: Sequence[Tensor], p: Any, a: Args) -> Tensor | list[Tensor]:
    """Hochreiter and Schmidhuber 1997 with forget gates; `cont` of 0 begins a new sequence.

    Without `expose_hidden` every call begins with states of 0. Caffe goes on with the states that
    its last call ended with, where the first `cont` is not 0.
    """
    inputs = _inputs(x, p, a, 2)
    # A cell adds up over time: in bfloat16 it would lose what is small.
    exact = torch.promote_types(inputs.dtype, torch.float32)
    states = (state.to(exact) for state in _states(x, a, 2, inputs))
    made, cell = LSTMSteps.apply(inputs, x[1], p.weight_hidden, *states)  # type: ignore[no-untyped-call]
    return _tops(made, a, made[-1], cell)


def _rnn(x: Sequence[Tensor], p: Any, a: Args) -> Tensor | list[Tensor]:
    """h_t = tanh(W x_t + b + W_h cont h_(t-1)), o_t = tanh(W_o h_t + b_o); states as an LSTM's."""
    inputs = _inputs(x, p, a, 1)
    (h,) = _states(x, a, 1, inputs)
    made = []
    for each, cont in zip(inputs, x[1].unsqueeze(-1), strict=True):
        h = (each + F.linear(cont * h, p.weight_hidden)).tanh()
        made.append(h)
    return _tops(F.linear(torch.stack(made), p.weight_output, p.bias_output).tanh(), a, h)


def _inputs(x: Sequence[Tensor], p: Any, a: Args, states: int) -> Tensor:
    """What the inputs of all times add to the gates, the static ones among them."""
    inputs = F.linear(x[0].flatten(2), p.weight, p.bias)
    if is_static(a, len(x), states):
        inputs = inputs + F.linear(x[2].flatten(1), p.weight_static)
    return inputs


def _states(x: Sequence[Tensor], a: Args, states: int, inputs: Tensor) -> list[Tensor]:
    if a["expose_hidden"]:
        return [state[0] for state in x[len(x) - states :]]
    return [inputs.new_zeros(inputs.shape[1], a["num_output"])] * states


def _tops(made: Tensor, a: Args, *last: Tensor) -> Tensor | list[Tensor]:
    return [made, *(state[None] for state in last)] if a["expose_hidden"] else made


def _from_image(x: Tensor) -> list[Tensor]:
    rows = x.permute(2, 0, 1, 3).flatten(2)
    cont = rows.new_ones(rows.shape[:2])
    cont[0] = 0
    return [rows, cont]


OPS: dict[str, Op] = {
    "ImageToSequence": lambda x, p, a, c: _from_image(x[0]),
    "LastStep": lambda x, p, a, c: x[0][-1],
    "LSTM": lambda x, p, a, c: _lstm(x, p, a),
    "RNN": lambda x, p, a, c: _rnn(x, p, a),
}
