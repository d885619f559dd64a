"""The layer kinds as nodes of ONNX: one line each, in the file of its subject.

LSTM and RNN are not here: ONNX's own begin no new sequence half-way, as `cont` does. Losses and
Accuracy are left out of a model.
"""

from deelish.formats.onnx.call import Write
from deelish.formats.onnx.layers import (
    activation,
    convolution,
    forks,
    indexing,
    normalisation,
    pooling,
    reshaping,
)

_SUBJECTS = (convolution, pooling, activation, normalisation, reshaping, indexing, forks)

NODES: dict[str, Write] = {name: write for part in _SUBJECTS for name, write in part.NODES.items()}
