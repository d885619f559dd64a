"""What a script's workout is: its source, the functions, constants and networks that it names."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from types import CodeType, FunctionType, MethodType
from typing import Any

from deelish.engines.description import Describer
from deelish.engines.loaded_code import is_installed
from deelish.network.predictor import Predictor

# What a digest begins with: it is compared, and not shown.
DIGEST = "sha256 "
# What a constant of a script may be; others may change while the script runs.
PLAIN = (bool, int, float, str, bytes, type(None))


def workout_facts(workout: Callable[..., Any]) -> dict[str, str]:
    """By name: the source of workout and of the script's functions that it calls; constants."""
    facts: dict[str, str] = {}
    for number, function in enumerate(_functions(_function_of(workout), set())):
        facts["workout" if number == 0 else f"the function {function.__name__}"] = _digest(function)
        changed = _changed(function.__code__)
        facts |= {
            name: repr(value)
            for name, value in _named(function)
            if _is_constant(value) and name not in changed
        }
    return facts


def changed_variables(workout: Callable[..., Any]) -> list[str]:
    """The variables outside of them that workout, or a function that it calls, assigns to."""
    functions = _functions(_function_of(workout), set())
    return sorted({name for function in functions for name in _changed(function.__code__)})


def networks_of(workout: Callable[..., Any]) -> dict[str, Predictor]:
    """The networks that workout and the script's functions that it calls name."""
    return {
        name: value
        for function in _functions(_function_of(workout), set())
        for name, value in _named(function)
        if isinstance(value, Predictor)
    }


def _function_of(workout: Any) -> Any:
    """The function of a method, a partial or a callable object; the object itself for others."""
    workout = getattr(workout, "func", workout)
    if not isinstance(workout, FunctionType | MethodType):
        workout = getattr(workout, "__call__", workout)  # noqa: B004
    return inspect.unwrap(getattr(workout, "__func__", workout))


def _functions(function: Any, seen: set[int]) -> Iterator[FunctionType]:
    """The function, and those that it names and a user wrote."""
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    yield function
    for _, value in _named(function):
        if isinstance(value, FunctionType) and not is_installed(value.__module__):
            yield from _functions(value, seen)


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables outside of it that a function names, with what they are now."""
    names = set(_names(function.__code__))
    for name in sorted(names & function.__globals__.keys()):
        yield name, function.__globals__[name]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            yield name, cell.cell_contents
        except ValueError:  # not set yet
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _changed(code: CodeType) -> set[str]:
    """The global variables, and those of functions around it, that a function assigns to."""
    names = {
        str(step.argval)
        for step in dis.get_instructions(code)
        if step.opname == "STORE_GLOBAL"
        or (step.opname == "STORE_DEREF" and step.argval in code.co_freevars)
    }
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    # What an inner function assigns to may be this function's own.
    return names.union(*(_changed(each) - set(code.co_cellvars) for each in inner))


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return type(value) in PLAIN


def digest(text: str) -> str:
    """A text that differs where the given one does."""
    return digest_of([text])


def digest_of(texts: Iterable[str]) -> str:
    """The digest of texts that follow each other as one."""
    found = sha256()
    for text in texts:
        found.update(text.encode(errors="surrogateescape"))
    return DIGEST + found.hexdigest()


def _digest(function: FunctionType) -> str:
    """A digest of the source without comments and layout; of the code where there is no source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        return digest(ast.dump(tree))
    except (OSError, TypeError, SyntaxError):
        describe = Describer(lambda *_: None)
        return digest(describe(function.__code__, function.__name__).hex())
