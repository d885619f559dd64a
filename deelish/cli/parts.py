"""The parts of a teacher's pass: all of them here, those of a rank, or spread over Ray."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from deelish.cli import models as cli_models
from deelish.cli.ray_cluster import OPTION as RAY
from deelish.common.processes import leave_group
from deelish.errors import DataError
from deelish.images.views.choosing import ALTERNATE
from deelish.language.naming import InputBatch
from deelish.language.session import Deel
from deelish.language.teaching import teach
from deelish.storage.remote.address import addressed

# The options that say which parts, and where; a worker has none of them.
PART, PARTS = "--part", "--parts"


class Pass:
    """A teacher and its images, opened once, whose parts are computed one after the other.

    options: the command line.  command: it, without which parts.
    """

    def __init__(self, options: argparse.Namespace, command: str) -> None:
        self._command = command
        self.session = Deel(gpu=options.gpu, precision=options.precision)
        with self.session:
            self._teacher = cli_models.teacher_of(options)
            self._images = InputBatch(
                options.images,
                batch_size=options.batch_size,
                crop=options.crop,
                mirror=ALTERNATE if options.alternate else not options.no_mirror,
                padding=options.padding,
                root=options.root,
                views=options.views,
                augment=options.augment,
                mix=options.mix,
                top=options.top,
                check=options.check,
            )

    def run(self, part: str | None) -> list[Path]:
        """Compute a part, such as "3/1000", for its files; all in one file where it is None."""
        with self.session:
            return teach(self._teacher, self._images, part, self._command)


def run(options: argparse.Namespace) -> int:
    """The command `teach`."""
    if options.part is not None and options.parts is not None:
        raise DataError(f"{PART} is one part, and {PARTS} are all of them; give one of the two")
    if options.parts is not None and options.parts < 1:
        raise DataError(f"{PARTS} {options.parts}: give how many parts there are, 1 or more")
    if options.ray is not None:
        from deelish.cli.ray_parts import spread

        return spread(options, words_of_pass(options.words))
    texts = parts_of(options)
    whole = Pass(options, command_of(options.words))
    for text in texts:
        whole.run(text)
    return 0


def parts_of(options: argparse.Namespace) -> Sequence[str | None]:
    """Which parts this process computes: under torchrun those of its rank, which asks no other.

    Raises:
        DataError: several processes share one part.
    """
    here = leave_group()
    if options.gpu >= 0:
        options.gpu += here.local_rank
    if options.parts is not None:
        return [
            f"{number}/{options.parts}"
            for number in range(1 + here.rank, options.parts + 1, here.world_size)
        ]
    if here.world_size > 1:
        raise DataError(f"{here.world_size} processes would compute the same; give {PARTS} 1000")
    return [options.part]


def words_of_pass(words: Sequence[str]) -> list[str]:
    """The command line without which parts, and where."""
    kept: list[str] = []
    found = iter(words)
    for word in found:
        if word in (PART, PARTS, RAY):
            next(found)
        elif not word.startswith((f"{PART}=", f"{PARTS}=", f"{RAY}=")):
            kept.append(word)
    return kept


def command_of(words: Sequence[str]) -> str:
    """The command without which parts, as a person would write it again; without signatures."""
    return shlex.join(["deelish", *map(_public, words_of_pass(words))])


def _public(word: str) -> str:
    """An argument as files may hold it: a URL loses its user and query."""
    option, equals, value = word.partition("=")
    if equals and option.startswith("--"):
        return f"{option}={addressed(value)}"
    return str(addressed(word))


def opened(words: Sequence[str]) -> Pass:
    """The pass of such a command line, in a worker process."""
    from deelish.cli.command import parser_of_all

    options = parser_of_all().parse_args(list(words))
    return Pass(options, command_of(words))
