"""Layers that go through time, as nodes of ONNX.

ONNX's own begin no new sequence half-way, as `cont` does: they take the sequences of
ImageToSequence, each of which is whole, and of a network that reads sequences those without
padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deelish.errors import PlanError
from deelish.formats.onnx.layer_writer import LayerWriter, Write
from deelish.plan.shapes import Args

# Caffe's gates are i, f, o and g; ONNX has them as i, o, f and g.
GATES = (0, 2, 1, 3)


def _from_image(x: str, c: LayerWriter) -> list[str]:
    _, channels, height, width = c.bottoms[0]
    rows = c.node("Transpose", x, perm=[2, 0, 1, 3])
    sequence = c.node("Reshape", rows, c.whole(height, -1, channels * width))
    return [sequence, c.floats(_whole_sequences(height))]


def _whole_sequences(height: int) -> np.ndarray:
    """cont for any number of images: 0 where they begin."""
    return (np.arange(height) > 0).astype(np.float32)[:, np.newaxis]


def _lstm(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    _check(x, a, c)
    return _recurrent("LSTM", x[0], a, c, GATES)


def _rnn(x: Sequence[str], a: Args, c: LayerWriter) -> str:
    """ONNX's hidden states, and Caffe's layer for the output."""
    _check(x, a, c)
    hidden = _recurrent("RNN", x[0], a, c, (0,))
    weight = c.floats(c.arrays["weight_output"].T)
    return c.node("Tanh", c.node("Add", c.node("MatMul", hidden, weight), c.names["bias_output"]))


def _recurrent(op: str, x: str, a: Args, c: LayerWriter, gates: Sequence[int]) -> str:
    """The states of all times (time, batch, num_output)."""
    size = a["num_output"]

    def ordered(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array[gate * size : (gate + 1) * size] for gate in gates])

    weight, hidden, bias = (ordered(c.arrays[name]) for name in ("weight", "weight_hidden", "bias"))
    biases = np.concatenate([bias, np.zeros_like(bias)])
    given = (c.floats(array[np.newaxis]) for array in (weight, hidden, biases))
    made = c.node(op, x, *given, hidden_size=size)
    return c.node("Squeeze", made, c.whole(1))


def _check(x: Sequence[str], a: Args, c: LayerWriter) -> None:
    cont = c.graph.constants.get(x[1])
    whole = x[1] == c.graph.whole_sequences or (
        cont is not None and np.array_equal(cont, _whole_sequences(len(cont)))
    )
    if len(x) > 2 or a["expose_hidden"] or not whole:
        raise PlanError(
            "begins new sequences where its cont is 0, or has further inputs, which ONNX's does"
            " not; feed it by ImageToSequence, or write the network as .hdf5 or .safetensors"
        )


NODES: dict[str, Write] = {
    "ImageToSequence": lambda x, a, c: _from_image(x[0], c),
    "LastStep": lambda x, a, c: c.node("Gather", x[0], c.number(-1), axis=0),
    "LSTM": _lstm,
    "RNN": _rnn,
}
