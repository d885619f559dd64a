"""The layer kinds in NumPy, forward only: written from Caffe's formulas, one line each.

What the other engines are compared with: plain before fast.
"""

from deelish.engines.numpy_ops import (
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
from deelish.engines.numpy_ops.call import Call as Call
from deelish.engines.numpy_ops.call import Op as Op
from deelish.engines.numpy_ops.call import in_doubles

_SUBJECTS = (windows, pooling, pointwise, normal, arrays, items, recurrent, losses, forks)

OPS: dict[str, Op] = {name: in_doubles(op) for part in _SUBJECTS for name, op in part.OPS.items()}
