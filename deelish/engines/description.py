"""A digest of all that an object holds and of the code that it runs, the same in every process."""

from __future__ import annotations

import enum
import functools
import logging
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from deelish.engines.digests import digest_of
from deelish.engines.loaded_code import (
    global_paths,
    is_foundation,
    is_installed,
    is_library,
    version,
)

PLAIN = (bool, int, float, complex, str, bytes)
# More objects than any model holds beside its arrays; what holds more is no model's own.
MOST = 100_000
# What a class says of itself and what has run when its objects are there.
_UNUSED = {"__init__", "__new__", "__repr__", "__str__", "extra_repr", "__doc__", "__module__"}
_UNUSED |= {"__dict__", "__weakref__", "__annotations__", "__abstractmethods__", "_abc_impl"}
_UNUSED |= {"__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"}
_UNUSED |= {"__annotations_cache__", "__parameters__", "__orig_bases__", "__getstate__"}
_MEMBERS = (FunctionType, property, staticmethod, classmethod, functools.cached_property)


class UndescribedError(Exception):
    """Something cannot be described: a file, a lock, an object of a library in C."""

    def __init__(self, where: str, value: object) -> None:
        self.where, self.kind = where, type(value).__name__
        super().__init__(f"{where or 'it'} ({self.kind})")


# What a framework describes itself: (describer, value, where) -> digest; None for all else.
Special = Callable[["Describer", Any, str], bytes | None]


class Describer:
    """Describes objects: equal digests mean that they hold and run the same.

    Addresses, file names and the order of attributes are no part of a digest. Of functions and
    classes it takes the code as it is loaded, what it reads from its own module, and what it
    encloses; of those of installed packages the code and the package's version; of PyTorch, NumPy
    and Python itself the name. Of other objects it takes what pickle would, and unpickles nothing.
    """

    def __init__(self, special: Special) -> None:
        self._special = special
        # By id: how deep that is which is being described, and the digest of what is done.
        self._open: dict[int, int] = {}
        self._done: dict[int, bytes] = {}
        # An id is an object's own only as long as that lives.
        self._held: list[Any] = []

    def __call__(self, value: Any, where: str) -> bytes:
        """The digest of a value; `where` it is, for errors: "head.scale".

        Raises:
            UndescribedError: something in it cannot be described.
        """
        if value is None or type(value) in PLAIN:
            return digest_of(type(value).__name__, repr(value))
        key = id(value)
        if key in self._done:
            return self._done[key]
        if key in self._open:
            return digest_of("around it", str(self._open[key]))
        if len(self._held) >= MOST:
            raise UndescribedError(where, value)
        self._held.append(value)
        self._open[key] = len(self._open)
        try:
            made = self._special(self, value, where)
            self._done[key] = self._described(value, where) if made is None else made
        except RecursionError:
            raise UndescribedError(where, value) from None
        finally:
            del self._open[key]
        return self._done[key]

    def items(self, kind: str, values: Iterable[Any], where: str) -> bytes:
        """Several values in their order."""
        return digest_of(kind, *(self(value, f"{where}[{i}]") for i, value in enumerate(values)))

    def named(self, kind: str, values: Mapping[str, Any], where: str) -> bytes:
        """Values by name; the order in which they were set does not matter."""
        parts: list[str | bytes] = []
        for name in sorted(values):
            parts += [name, self(values[name], f"{where}.{name}" if where else name)]
        return digest_of(kind, *parts)

    def _described(self, value: Any, where: str) -> bytes:
        for kinds, describe in _DESCRIBED:
            if isinstance(value, kinds):
                return describe(self, value, where)
        return self._object(value, where)

    def _class(self, value: type, where: str) -> bytes:
        name = f"{value.__module__}.{value.__qualname__}"
        if is_foundation(value.__module__):
            return digest_of("class", name)
        library = is_library(value.__module__)
        members = {
            key: member
            for key, member in vars(value).items()
            if key not in _UNUSED and (isinstance(member, _MEMBERS) or not library)
        }
        bases = self.items("bases", value.__bases__, where)
        return digest_of(
            "class", name, version(value.__module__), bases, self.named("members", members, where)
        )

    def _function(self, value: FunctionType, where: str) -> bytes:
        module = value.__globals__.get("__name__", "")
        name = f"{module}.{value.__qualname__}"
        enclosed = self.items("closure", map(_content, value.__closure__ or ()), where)
        defaults = self((value.__defaults__, value.__kwdefaults__), where)
        if is_foundation(module):
            return digest_of("function", name, enclosed, defaults)
        code = self(value.__code__, where)
        if is_library(module):
            return digest_of("function", name, version(module), code, enclosed, defaults)
        read: list[str | bytes] = []
        for path in global_paths(value.__code__):
            found = _resolved(value.__globals__, path)
            read += [".".join(path), self(found, f"{where}: {'.'.join(path)}")]
        return digest_of("function", code, enclosed, defaults, *read)

    def _code(self, value: CodeType, where: str) -> bytes:
        names = (*value.co_names, *value.co_freevars, *value.co_cellvars)
        counts = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)
        made = self.items("constants", value.co_consts, where)
        flags = value.co_flags
        return digest_of("code", value.co_code, repr((names, counts, flags)), made)

    def _object(self, value: Any, where: str) -> bytes:
        """What pickle would write of it."""
        try:
            reduced = value.__reduce_ex__(4)
        except RecursionError:
            raise
        except Exception:
            raise UndescribedError(where, value) from None
        if isinstance(reduced, str):
            return digest_of("global", type(value).__module__, reduced)
        make, arguments, state, listed, keyed = (*reduced, None, None, None)[:5]
        parts = [self(make, where), self.items("arguments", arguments, where)]
        if isinstance(state, dict) and all(isinstance(key, str) for key in state):
            parts.append(self.named("state", state, where))
        else:
            parts.append(self(state, where))
        parts += [self(list(listed or ()), where), self(list(keyed or ()), where)]
        return digest_of("object", self(type(value), where), *parts)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _resolved(names: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What a function reads by ``name.attribute``: of a module the attribute, else the name."""
    value = names.get(path[0])
    for attribute in path[1:]:
        if not isinstance(value, ModuleType) or is_installed(value.__name__):
            break
        value = getattr(value, attribute, None)
    return value


def _array(describe: Describer, value: np.ndarray, where: str) -> bytes:
    if value.dtype.hasobject:
        return describe.items(f"array {value.shape}", value.ravel().tolist(), where)
    return digest_of("array", f"{value.dtype.str} {value.shape}", value.tobytes())


def _builtin(describe: Describer, value: Any, where: str) -> bytes:
    owner = value.__self__
    own = b"" if owner is None or isinstance(owner, ModuleType) else describe(owner, where)
    return digest_of("builtin", f"{value.__module__}.{value.__qualname__}", own)


def _mapping(describe: Describer, value: Mapping[Any, Any], where: str) -> bytes:
    pairs = [part for pair in value.items() for part in pair]
    return digest_of(type(value).__qualname__, describe.items("pairs", pairs, where))


def _set(describe: Describer, value: Iterable[Any], where: str) -> bytes:
    return digest_of("set", *sorted(describe(each, where) for each in value))


def _method(describe: Describer, value: MethodType, where: str) -> bytes:
    own = describe(value.__self__, where)
    return digest_of("method", own, describe(value.__func__, where))


def _partial(describe: Describer, value: functools.partial[Any], where: str) -> bytes:
    return describe.items("partial", (value.func, value.args, value.keywords), where)


def _member(describe: Describer, value: Any, where: str) -> bytes:
    if isinstance(value, property):
        functions = (value.fget, value.fset)
        return describe.items("property", functions, where)
    function = value.func if isinstance(value, functools.cached_property) else value.__func__
    return digest_of(type(value).__name__, describe(function, where))


def _module(describe: Describer, value: ModuleType, where: str) -> bytes:
    return digest_of("module", value.__name__, version(value.__name__))


# The first row that fits; subclasses come before what they derive from.
_DESCRIBED: list[tuple[Any, Callable[[Describer, Any, str], bytes]]] = [
    (type, Describer._class),
    (FunctionType, Describer._function),
    (MethodType, _method),
    (BuiltinFunctionType, _builtin),
    (CodeType, Describer._code),
    (functools.partial, _partial),
    ((property, staticmethod, classmethod, functools.cached_property), _member),
    (ModuleType, _module),
    (np.ndarray, _array),
    (enum.Enum, lambda d, v, w: digest_of("enum", d(type(v), w), v.name)),
    (logging.Logger, lambda d, v, w: digest_of("logger", v.name)),
    (weakref.ref, lambda d, v, w: digest_of("reference", d(v(), w))),
    ((dict, MappingProxyType), _mapping),
    ((set, frozenset), _set),
    ((list, tuple, deque), lambda d, v, w: d.items(type(v).__qualname__, v, w)),
]
