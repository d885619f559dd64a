"""The layer kinds in Chainer: one line each, in the file of its subject."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from deelish.engines.chainer.layers.call import Op
from deelish.plan.layers import SUBJECTS

OPS: dict[str, Op] = {
    name: op
    for subject in SUBJECTS
    for name, op in import_module(f"{__name__}.{subject}").OPS.items()
}
# Those that deelish brings: a script may put others into OPS.
OWN: Mapping[str, Op] = MappingProxyType(dict(OPS))
