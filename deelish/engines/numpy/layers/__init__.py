"""The layer kinds in NumPy, forward only: written from Caffe's formulas, one line each.

What the other engines are compared with: plain before fast.
"""

from deelish.engines.numpy.layers import (
    activation,
    convolution,
    forks,
    indexing,
    loss,
    normalisation,
    pooling,
    recurrent,
    reshaping,
)
from deelish.engines.numpy.layers.call import Call as Call
from deelish.engines.numpy.layers.call import Op as Op
from deelish.engines.numpy.layers.call import in_doubles

_SUBJECTS = (
    convolution,
    pooling,
    activation,
    normalisation,
    reshaping,
    indexing,
    recurrent,
    loss,
    forks,
)

OPS: dict[str, Op] = {name: in_doubles(op) for part in _SUBJECTS for name, op in part.OPS.items()}
