"""The command `deelish`: runs scripts, fetches, converts and shows models, classifies images."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from deelish.cli import bench as cli_bench
from deelish.cli import compare as cli_compare
from deelish.cli import completion as cli_completion
from deelish.cli import models as cli_models
from deelish.cli import serve as cli_serve
from deelish.cli import teacher_cache as cli_teacher_cache
from deelish.cli.experiment import commands as cli_experiment
from deelish.cli.parser import Parser, add_command
from deelish.cli.ray_cluster import GPUS, OPTION, WORKERS
from deelish.cli.running import run
from deelish.errors import DataError, DeelishError, FileError
from deelish.version import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for an error, 130 for Ctrl-C.

    141, as in a shell, means that the reader of its output, such as `head`, has ended.

    SystemExit passes through, from argparse (2) and from the user's own script.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    options, unknown = parser_of_all().parse_known_args(words)
    options.words = words
    if unknown:
        options.parser.refuse(unknown)
    act: Callable[[argparse.Namespace], int] = options.act
    try:
        code = act(options)
        if options.command != "run":
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        if options.command == "run":
            raise  # the script's own: its pipe may be another one
        # Python flushes again at exit, and would report the same pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except DeelishError as error:
        if options.debug:
            traceback.print_exc()
        print(f"deelish: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.debug:
            traceback.print_exc()
        print("deelish: stopped", file=sys.stderr)
        return 130


def parser_of_all() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="deelish", description="A small declarative language for knowledge distillation."
    )
    parser.add_argument("--version", action="version", version=f"deelish {__version__}")
    parser.add_argument("--debug", action="store_true", help="show Python's traceback of an error")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    cli_experiment.add_commands(commands)
    script = add_command(
        commands,
        "run",
        "run a script, also one written for Deel",
        "run --resume checkpoints distill.py",
    )
    script.add_argument(
        "--resume",
        metavar="FOLDER",
        type=Path,
        help="write checkpoints there, and go on from the last one",
    )
    script.add_argument(
        OPTION,
        metavar="ADDRESS",
        help="train in the processes of a Ray cluster: auto, local, or host:port",
    )
    script.add_argument(
        WORKERS, metavar="N", help="so many processes; 2-8 for as many as there is room for"
    )
    script.add_argument(GPUS, action="store_true", help="each of them with a GPU")
    script.add_argument("script", metavar="SCRIPT")
    script.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER)
    script.set_defaults(act=_run)

    models = add_command(commands, "models", "list the published models", "models")
    models.set_defaults(act=_models)

    fetch = add_command(
        commands, "fetch", "fetch the published weights of a network", "fetch googlenet"
    )
    fetch.add_argument("name", metavar="NAME", help="such as googlenet")
    fetch.add_argument("--to", metavar="FOLDER", type=Path, help="the folder for the file")
    fetch.add_argument("--from", dest="address", metavar="ADDRESS", help="another URL of the file")
    fetch.set_defaults(act=_fetch)
    for part in (cli_models, cli_teacher_cache, cli_compare, cli_bench, cli_serve, cli_completion):
        part.add_commands(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    if options.ray is not None:
        from deelish.cli import ray_training

        return ray_training.run(options)
    if options.workers is not None or options.gpus:
        given = WORKERS if options.workers is not None else GPUS
        raise DataError(
            f"{given}: is about the processes of a Ray cluster; give {OPTION} auto too, or start"
            " the script with torchrun"
        )
    return run(options.script, options.arguments, resume=options.resume, debug=options.debug)


def _models(options: argparse.Namespace) -> int:
    from deelish.networks import models_table

    print(models_table())
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from deelish.network.pretrained import fetch
    from deelish.networks import CARDS

    if options.name not in CARDS:
        raise FileError(f"no published model {options.name!r}; known: {', '.join(sorted(CARDS))}")
    card = CARDS[options.name]
    print(fetch(card, options.to, options.address))
    print(f"licence: {card.licence}")
    if card.note:
        print(card.note)
    return 0
