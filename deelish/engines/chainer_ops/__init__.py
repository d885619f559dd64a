"""The layer kinds in Chainer: one line each, in the file of its subject."""

from deelish.engines.chainer_ops import (
    arrays,
    forks,
    items,
    losses,
    normal,
    pointwise,
    pooling,
    recurrent,
    windows,
)
from deelish.engines.chainer_ops.call import Op

_SUBJECTS = (windows, pooling, pointwise, normal, arrays, items, recurrent, losses, forks)

OPS: dict[str, Op] = {name: op for part in _SUBJECTS for name, op in part.OPS.items()}
