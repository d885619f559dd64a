"""The layer kinds in Chainer: one line each, in the file of its subject."""

from deelish.engines.chainer.layers import (
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
from deelish.engines.chainer.layers.call import Op

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

OPS: dict[str, Op] = {name: op for part in _SUBJECTS for name, op in part.OPS.items()}
