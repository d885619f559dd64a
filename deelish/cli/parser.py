"""The parser of the command line: an example in each help, the nearest word in each error."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from deelish.common.suggestions import nearest

CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """A parser whose errors suggest; the namespace has the innermost one as `parser`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        found = CHOICE.search(message)
        if found:
            known = re.findall(r"[\w-]+", found[2])
            message = f"there is no {found[1]!r}; {nearest(found[1], known)}"
        super().error(message)

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with an error about arguments that this command does not take."""
        first = next((text for text in unknown if text.startswith("-")), None)
        if first is None:
            self.error(f"takes no further {unknown[0]!r}")
        name = first.partition("=")[0]
        known = nearest(name, self._option_string_actions, shown=str)
        self.error(f"there is no option {name}; {known}")


def add_command(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    about: str,
    example: str,
    parents: Sequence[Parser] = (),
) -> Parser:
    """A command with its line in the list, and an example below its help."""
    return commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=f"example:\n  deelish {example}",
        parents=list(parents),
    )
