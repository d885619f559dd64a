"""Writes docs/reference/ from the docstrings: one page for each module that scripts import.

    python docs/make_reference.py [FOLDER]

`make reference` runs it. A test compares the committed pages with the docstrings.
"""

import argparse
import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docstrings import signature_of, text_of, wrapped

import deelish
import deelish.errors
import deelish.networks
from deelish.cli.command import parser_of_all

FOLDER = Path(__file__).resolve().parent / "reference"
MADE = "<!-- Made by docs/make_reference.py: change the docstring, then run `make reference`. -->"
# What the verbs return beside tensors, and what a network does to pixels.
RESULTS = ("History", "Comparison", "Benchmark", "RateSearch", "Preprocessing")


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    intro = {
        "deelish": f"`from deelish import *` gives these names: {_links(dir(deelish))}.",
        "networks": "[Networks](../networks.md) shows how the published families are used.",
        "results": "No script has to import these classes.",
        "command": "`deelish --debug COMMAND` shows Python's traceback of an error.",
    }
    made = {
        "deelish.md": _page("deelish", intro["deelish"], map(_public, dir(deelish))),
        "networks.md": _page("deelish.networks", intro["networks"], _families()),
        "results.md": _page("What the verbs return", intro["results"], _results()),
        "errors.md": _page("deelish.errors", text_of(deelish.errors), _errors()),
        "command.md": _page("The command deelish", intro["command"], _commands(parser_of_all())),
    }
    return {"README.md": _index(made), **made}


def _links(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}](#{name.lower()})" for name in names)


def _page(title: str, intro: str, entries: Iterable[str]) -> str:
    start = [f"# {title}", MADE, intro if "\n" in intro else wrapped(intro)]
    return "\n\n".join([*start, *entries]) + "\n"


def _index(made: dict[str, str]) -> str:
    titles = {name: text.splitlines()[0].removeprefix("# ") for name, text in made.items()}
    lines = [f"- [{title}]({name})" for name, title in titles.items()]
    intro = (
        "Every public name with its arguments, made from the docstrings that `help()` shows. Where"
        " an example names `net`, `teacher` or `student`, these are small networks that tell cats"
        " from dogs, on images of 16 x 16 pixels, and `workout` is that of BatchTrain."
    )
    return _page("Reference", intro, ["\n".join(lines)])


def _public(name: str) -> str:
    value = getattr(deelish, name)
    if isinstance(value, type) and issubclass(value, Exception):
        return f"## {name}\n\n{text_of(value)}\n\n[All errors](errors.md)."
    if isinstance(value, type):
        return _class(name, value)
    if inspect.isfunction(value):
        return f"## {name}\n\n{signature_of(name, value)}\n\n{text_of(value)}"
    return f"## {name}\n\n{text_of(type(value))}"


def _families() -> Iterator[str]:
    names = vars(deelish.networks).items()
    known = {n: v for n, v in names if isinstance(v, type) and _is_of(v, "deelish.networks")}
    families = {n: v for n, v in known.items() if issubclass(v, deelish.Network)}
    bases = {base for value in families.values() for base in value.__bases__}
    # What others are made from comes first: they take its arguments.
    for name, value in sorted(families.items(), key=lambda one: one[1] not in bases):
        base = value.__bases__[0]
        if "__init__" in vars(value) or not _is_of(base, "deelish.networks"):
            yield _class(name, value, members=False)
        else:
            takes = f"It takes the arguments of {_links([base.__name__])}."
            yield f"## {name}\n\n{text_of(value)}\n\n{takes}"


def _is_of(value: type, package: str) -> bool:
    return f"{value.__module__}.".startswith(f"{package}.")


def _errors() -> Iterator[str]:
    for name, value in vars(deelish.errors).items():
        if isinstance(value, type) and issubclass(value, deelish.DeelishError):
            yield f"## {name}\n\n{text_of(value)}{_also(value)}"


def _also(error: type) -> str:
    """The errors of Python that it is too."""
    bases = [base.__name__ for base in error.__bases__ if base.__module__ == "builtins"]
    bases = [name for name in bases if name != "Exception"]
    named = [f"{'an' if name[0] in 'AEIOU' else 'a'} {name}" for name in bases]
    return f" It is also {' and '.join(named)}." if named else ""


def _results() -> Iterator[str]:
    for name in RESULTS:
        yield _class(name, _loaded(name), call=name == "Preprocessing")
    for name, value in _tensors().items():
        yield _class(name, value, call=False)


def _loaded(name: str) -> type:
    """The class of this name in any module of deelish, so that it may move."""
    for module, content in sorted(sys.modules.items()):
        value = vars(content).get(name) if module.startswith("deelish.") else None
        if isinstance(value, type) and value.__module__ == module:
            return value
    raise SystemExit(f"make_reference: deelish has no class {name!r}; correct RESULTS")


def _tensors() -> dict[str, type]:
    """The class Tensor and all that are made from it."""
    found = [_loaded("Tensor")]
    for value in found:
        made: list[type] = value.__subclasses__()
        found += [one for one in made if _is_of(one, "deelish")]
    return {value.__name__: value for value in found}


def _class(name: str, value: type, *, call: bool = True, members: bool = True) -> str:
    parts = [f"## {name}", *([signature_of(name, value)] if call else []), text_of(value)]
    if members:
        bases = list(_bases(value))
        inherited = [base.__name__ for base in value.__mro__[1:] if _has_entry(base)]
        if inherited:
            parts.append(wrapped(f"It has all that {_links(inherited)} has."))
        parts += [_member(name, member, getattr(value, member)) for member in _members(bases)]
    return "\n\n".join(parts)


def _has_entry(base: type) -> bool:
    return base.__name__ in (*dir(deelish), *RESULTS, *_tensors())


def _bases(owner: type) -> Iterator[type]:
    """The class, and the bases within deelish that have no entry of their own."""
    for base in owner.__mro__:
        if base is not owner and _has_entry(base):
            return
        if _is_of(base, "deelish"):
            yield base


def _members(bases: Iterable[type]) -> dict[str, None]:
    """The names of the public methods and properties of classes, each once."""
    return {
        name: None
        for base in bases
        for name, value in vars(base).items()
        if not name.startswith("_") and _is_member(value)
    }


def _is_member(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def _member(owner: str, name: str, value: Any) -> str:
    parts = [f"### {owner}.{name}"]
    if not isinstance(value, property):
        # A class method comes bound; a method does not, and has `self` still.
        bound = inspect.isfunction(value)
        parts.append(signature_of(f"{owner}.{name}", value, bound=bound))
    return "\n\n".join([*parts, text_of(value)])


def _commands(parser: argparse.ArgumentParser, path: str = "deelish") -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, part in action.choices.items():
                yield _command(f"{path} {name}", part, helps.get(name) or "")
                yield from _commands(part, f"{path} {name}")


def _command(name: str, parser: argparse.ArgumentParser, about: str) -> str:
    taken = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
    needed = [a for a in taken if not a.option_strings or a.required]
    words = [name, *map(_word, needed), *(["[options]"] if len(taken) > len(needed) else [])]
    taken.sort(key=lambda action: bool(action.option_strings))
    items = [wrapped(f"`{_word(a)}`: {a.help}", "- ") for a in taken if a.help]
    parts = [f"## {name}", f"    {' '.join(words)}", f"{about[:1].upper()}{about[1:]}."]
    return "\n\n".join([*parts, *(["\n".join(items)] if items else [])])


def _word(action: argparse.Action) -> str:
    """An argument as it is typed."""
    if isinstance(action, argparse._SubParsersAction):
        return "COMMAND"
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if action.option_strings:
        return f"{action.option_strings[-1]} {value}".strip()
    many = {"*": f"[{value} ...]", "+": f"{value} [{value} ...]", argparse.REMAINDER: f"[{value}]"}
    return many.get(str(action.nargs), value)


def main() -> None:
    """Write the pages, and remove those that are no more."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
