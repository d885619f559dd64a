"""What loaded code reads, and whose it is: a script's, an installed package's, or Python's own."""

from __future__ import annotations

import dis
import functools
import sys
from pathlib import Path
from types import CodeType

# Their functions are known by name: a new version changes logits by rounding alone.
FOUNDATIONS = frozenset({"builtins", "torch", "numpy", "chainer", "cupy", "deelish"})
_INSTALLED = {"site-packages", "dist-packages"}
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")


def is_foundation(module: str | None) -> bool:
    """Whether a module is of Python itself, or of a package whose functions keep their meaning."""
    top = _top(module)
    return top in FOUNDATIONS or (top in sys.stdlib_module_names and top != "__main__")


@functools.cache
def is_library(module: str | None) -> bool:
    """Whether a module is of an installed package, and not a script."""
    if module == "__main__":
        return False
    found = sys.modules.get(_top(module))
    file = getattr(found, "__file__", None) or next(iter(getattr(found, "__path__", [])), "")
    return not _INSTALLED.isdisjoint(Path(file).parts)


def is_installed(module: str | None) -> bool:
    """Whether a module is no part of what a user writes."""
    return is_foundation(module) or is_library(module)


def version(module: str | None) -> str:
    """The version of the package of a module; empty where it has none, or keeps its meaning."""
    if is_foundation(module):
        return ""
    return str(getattr(sys.modules.get(_top(module)), "__version__", ""))


@functools.lru_cache(maxsize=1 << 14)
def global_paths(code: CodeType) -> list[tuple[str, ...]]:
    """What code reads from its module, with the attributes that follow: ("F", "relu").

    The code of inner functions and classes counts, too.
    """
    paths: dict[tuple[str, ...], None] = {}
    path: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if step.opname in _GLOBALS:
            paths[path] = None
            path = (str(step.argval),)
        elif path and step.opname in _ATTRIBUTES:
            path = (*path, str(step.argval))
        elif step.opname not in ("PUSH_NULL", "CACHE", "NOP"):
            paths[path] = None
            path = ()
    paths[path] = None
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            paths.update(dict.fromkeys(global_paths(inner)))
    paths.pop((), None)
    return list(paths)


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]
