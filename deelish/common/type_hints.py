"""Whether values are of the types that a signature names; what cannot be told for certain is."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

# What a number or a flag may be beside itself. True and False are no numbers.
_KINDS: dict[type, tuple[type, ...]] = {
    int: (int, np.integer),
    float: (int, float, np.integer, np.floating),
    bool: (bool, np.bool_),
}
_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
    collections.abc.Callable: "a function",
    collections.abc.Mapping: "a dict",
    collections.abc.Sequence: "a list",
    collections.abc.Iterable: "a list",
}


def misfit(function: Callable[..., Any], given: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first argument that is not of its type, and what its type is in words; or None.

    Args:
        function: whose signature has the types.
        given: the arguments by name; names that the signature lacks are passed over.
    """
    signature = inspect.signature(function)
    for name, value in given.items():
        parameter = signature.parameters.get(name)
        if parameter is None or parameter.kind is parameter.VAR_KEYWORD:
            continue
        hint = _resolved(function, parameter.annotation)
        if not _fits(value, hint) and value is not parameter.default:
            return name, " or ".join(dict.fromkeys(_words(hint)))
    return None


def _resolved(function: Callable[..., Any], annotation: Any) -> Any:
    """The type that an annotation in text names; Any where it exists for type checkers alone."""
    holder = type("Holder", (), {"__annotations__": {"it": annotation}})
    try:
        return typing.get_type_hints(holder, function.__globals__).get("it", Any)
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any or hint is inspect.Parameter.empty:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return any(isinstance(value, type(each)) for each in inner)
    if origin is collections.abc.Callable:
        return callable(value)
    kind = hint if origin is None else origin
    if (
        not isinstance(kind, type)
        or typing.is_typeddict(kind)
        or getattr(kind, "_is_protocol", False)
    ):
        return True
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, _KINDS.get(kind, (kind,)))


def _words(hint: Any) -> list[str]:
    """What a type is called in an error; None is what is left out, and is not named."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        # A path may be a text, and so need not be named beside it.
        parts = [each for each in inner if not (each is str and Path in inner)]
        return [word for each in parts for word in _words(each)]
    if origin is typing.Literal:
        return [f"one of {', '.join(map(repr, inner))}"]
    kind = hint if origin is None else origin
    if kind is type(None):
        return []
    return [_WORDS.get(kind, f"a {getattr(kind, '__name__', kind)}")]
