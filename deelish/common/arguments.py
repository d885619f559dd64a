"""A call that does not fit its verb: one sentence with the verb, what was given and the cure."""

from __future__ import annotations

import functools
import inspect
import reprlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from deelish.common.other_words import BY_ITSELF, WORDS
from deelish.common.suggestions import nearest
from deelish.common.type_hints import misfit
from deelish.errors import DeelishError, UsageError

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "checks_its_calls"


def checked_call(*options: str) -> Callable[[F], F]:
    """A decorator: a call that does not bind is a UsageError; the signature stays as it is.

    A call that binds costs one more frame. Python itself finds out which one does not: its
    TypeError then has no frame of the function. An error from within comes through, unless an
    argument is not of the type that the signature names; that is refused in its place.

    Args:
        options: the names that the function takes as its ``**options``; without any, all are.
    """

    def decorate(function: F) -> F:
        parameters = inspect.signature(function).parameters
        known = frozenset((*parameters, *options))
        # Any text would count as True. Each with its place among the positional arguments.
        flags = {
            name: place if each.kind is each.POSITIONAL_OR_KEYWORD else sys.maxsize
            for place, (name, each) in enumerate(parameters.items())
            if each.annotation == "bool"
        }

        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            if options and not given.keys() <= known:
                raise _refusal(function, args, given, options)
            for name, place in flags.items():
                value = args[place] if place < len(args) else given.get(name, False)
                if not isinstance(value, bool):
                    verb, _, _ = _verb(function, args)
                    raise _unfit(verb, name, value, "True or False")
            try:
                return function(*args, **given)
            except DeelishError:
                raise
            except Exception as error:
                trace = error.__traceback__
                if isinstance(error, TypeError) and trace is not None and trace.tb_next is None:
                    refusal = _refusal(function, args, given, options)
                else:
                    # Another library's error may come of a value that is none for this argument.
                    found = _misfit(function, args, given)
                    if found is None:
                        raise
                    refusal = found
            raise refusal

        setattr(call, _MARK, True)
        return cast(F, call)

    return decorate


class ChecksCalls:
    """A class whose `__init__` is checked, and those of the classes that a user makes from it."""

    def __init_subclass__(cls, **others: Any) -> None:
        super().__init_subclass__(**others)
        init = vars(cls).get("__init__")
        if init is not None and not hasattr(init, _MARK):
            setattr(cls, "__init__", checked_call()(init))  # noqa: B010


def check_names(
    verb: str,
    given: Mapping[str, Any],
    known: Iterable[str],
    fault: str = "there is no such argument",
) -> None:
    """Refuse the first argument that is not known.

    Args:
        verb: what was called.
        given: the arguments by name.
        known: the names that it takes.
        fault: what the error says of another name.

    Raises:
        UsageError: there is one.
    """
    known = list(known)
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{verb}({name}={_shown(value)}): {fault}; {_suggested(name, known)}")


def _suggested(name: str, known: Sequence[str]) -> str:
    """The end of an error about an argument that is not known."""
    sign, sentence = BY_ITSELF.get(name, ("", ""))
    if sign in known:
        return sentence
    # A word of ours may come with a value: mix='mixup'.
    ours = {each.partition("=")[0]: each for each in WORDS.get(name, ())}
    spelled = {word: each if "=" in each else f"{each}=" for word, each in ours.items()}
    return nearest(name, known, {name: tuple(ours)}, lambda word: spelled.get(word, f"{word}="))


def _refusal(
    function: Callable[..., Any],
    args: Sequence[Any],
    given: Mapping[str, Any],
    options: Sequence[str],
) -> UsageError:
    """Why this call does not bind."""
    verb, args, parameters = _verb(function, args)
    kinds = {each.kind for each in parameters}
    positional = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    by_name = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    known = [*(each.name for each in (*positional, *by_name)), *options]
    unknown = {name: value for name, value in given.items() if name not in known}
    if inspect.Parameter.VAR_KEYWORD in kinds and not options:
        # Any name would do; one that other libraries have for ours is meant as ours.
        unknown = {
            name: value
            for name, value in unknown.items()
            if any(each.partition("=")[0] in known for each in WORDS.get(name, ()))
        }
    try:
        check_names(verb, unknown, known)
    except UsageError as error:
        return error
    if len(args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        names = [each.name for each in by_name if each.name not in given]
        return _too_many(verb, args, [each.name for each in positional], names)
    twice = [each.name for each in positional[: len(args)] if each.name in given]
    if twice:
        return UsageError(f"{verb}({twice[0]}=...): {twice[0]} is given twice; leave one out")
    needed = [*positional[len(args) :], *by_name]
    lacking = [p.name for p in needed if p.default is p.empty and p.name not in given]
    words = ", ".join(f"{name}=..." for name in lacking)
    return UsageError(f"{verb}: lacks {' and '.join(lacking)}; give {verb}({words})")


def _misfit(
    function: Callable[..., Any], args: Sequence[Any], given: Mapping[str, Any]
) -> UsageError | None:
    """The refusal of the first argument that is not of its type, if there is one."""
    verb, args, parameters = _verb(function, args)
    positional = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    found = misfit(function, {**dict(zip(positional, args, strict=False)), **given})
    if found is None:
        return None
    name, needed = found
    return _unfit(
        verb, name, given[name] if name in given else args[positional.index(name)], needed
    )


def _unfit(verb: str, name: str, value: Any, needed: str) -> UsageError:
    """The refusal of a value that is not of its argument's type."""
    of_class = isinstance(value, type)
    kind = f"the class {value.__name__}" if of_class else f"of type {type(value).__name__}"
    return UsageError(f"{verb}({name}={_shown(value)}): is {kind}; give {needed}")


def _too_many(
    verb: str, args: Sequence[Any], positional: Sequence[str], by_name: Sequence[str]
) -> UsageError:
    extra = args[len(positional)]
    taken = " and ".join(filter(None, [", ".join(positional[:-1]), *positional[-1:]])) or "nothing"
    cure = f"leave {_shown(extra)} out"
    if by_name:
        cure = f"did you mean {by_name[0]}={_shown(extra)}"
    return UsageError(f"{verb}: takes {taken} without a name, and got {len(args)}; {cure}")


def _verb(
    function: Callable[..., Any], args: Sequence[Any]
) -> tuple[str, Sequence[Any], list[inspect.Parameter]]:
    """What the script called, what it gave, and what there is to give: without self or cls."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].name not in ("self", "cls"):
        return function.__name__, args, parameters
    owner = args[0] if isinstance(args[0], type) else type(args[0])
    method = function.__name__
    verb = owner.__name__ if method == "__init__" else f"{owner.__name__}.{method}"
    return verb, args[1:], parameters[1:]


def _shown(value: Any) -> str:
    """A value as short as it may be; what prints in many lines, such as an array, as dots."""
    return reprlib.repr(value) if isinstance(value, str | int | float | None) else "..."
