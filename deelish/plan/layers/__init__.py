"""The table of layer kinds, by Caffe's type: one row each, in the file of its subject.

A new kind is one row here and one line in each engine, in the file of the same name.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from deelish.plan.kind import LayerKind

# The files of this folder; each engine has a file of the same name for each.
SUBJECTS: tuple[str, ...] = tuple(found.name for found in iter_modules(__path__))
KINDS: dict[str, LayerKind] = {
    name: row
    for subject in SUBJECTS
    for name, row in import_module(f"{__name__}.{subject}").KINDS.items()
}
# Those that deelish brings: a script may put others into KINDS.
OWN: Mapping[str, LayerKind] = MappingProxyType(dict(KINDS))
