"""The layer kinds as nodes of ONNX: one line each, in the file of its subject.

LSTM and RNN are not here: ONNX's own begin no new sequence half-way, as `cont` does. Losses and
Accuracy are left out of a model.
"""

from deelish.onnx.call import Write
from deelish.onnx.nodes import arrays, forks, items, normal, pointwise, pooling, windows

_SUBJECTS = (windows, pooling, pointwise, normal, arrays, items, forks)

NODES: dict[str, Write] = {name: write for part in _SUBJECTS for name, write in part.NODES.items()}
