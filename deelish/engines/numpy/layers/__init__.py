"""The layer kinds in NumPy, forward only: written from Caffe's formulas, one line each.

What the other engines are compared with: plain before fast.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from deelish.engines.numpy.layers.call import Call as Call
from deelish.engines.numpy.layers.call import Op as Op
from deelish.engines.numpy.layers.call import in_doubles
from deelish.plan.layers import SUBJECTS

OPS: dict[str, Op] = {
    name: in_doubles(op)
    for subject in SUBJECTS
    for name, op in import_module(f"{__name__}.{subject}").OPS.items()
}
# Those that deelish brings: a script may put others into OPS.
OWN: Mapping[str, Op] = MappingProxyType(dict(OPS))
