"""The command `completion`: a script that completes commands, options and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from deelish.cli.parser import Parser, add_command
from deelish.common.extras import COMPLETION
from deelish.errors import MissingPackageError

SHELLS = ("bash", "zsh", "tcsh", "fish")
# What is completed as the path of a file, by how the help calls it.
FILES = {"FILE", "LIST", "MODEL", "IMAGE", "SOURCE", "TARGET", "TEACHER", "STUDENT", "SCRIPT"}


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add it to the command line; it sets `act`, which runs it and gives the exit code."""
    completion = add_command(
        commands,
        "completion",
        "print what completes commands, options and files in a shell",
        "completion bash > ~/.local/share/bash-completion/completions/deelish",
    )
    completion.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    completion.set_defaults(act=_completion)


def _completion(options: argparse.Namespace) -> int:
    from deelish.cli.command import parser_of_all

    try:
        import shtab
    except ImportError:
        raise MissingPackageError(f"completion: needs the package shtab; {COMPLETION}") from None
    parser = parser_of_all()
    for action in _actions(parser):
        if action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "FOLDER":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from _actions(part)
