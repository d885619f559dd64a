"""The commands that begin with a folder of photographs: new writes a script, distill runs it."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from pathlib import Path

from deelish.cli.parser import Parser, add_command
from deelish.cli.running import run
from deelish.common.printing import amount, say

TEACHER, STUDENT = "timm/convnext_tiny", "timm/mobilenetv4_conv_small"
EXAMPLE = "photos/ --teacher efficientnet/lite0 --student timm/mobilenetv4_conv_small"
MADE = ("student.safetensors", "report.html", "README.md")


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add them to the command line; each sets `act`, which runs it and gives the exit code."""
    options = _options()
    new = add_command(
        commands,
        "new",
        "write a script that distils a model for a folder of photographs",
        f"new {EXAMPLE}",
        [options],
    )
    new.set_defaults(act=_new)
    distill = add_command(
        commands,
        "distill",
        "do it all: script, training, report, card, .onnx in int8; goes on after a stop",
        f"distill {EXAMPLE} --fits raspberry-pi-5 --to small.onnx",
        [options],
    )
    distill.set_defaults(act=_distill)


def _options() -> Parser:
    parser = Parser(add_help=False)
    add = parser.add_argument
    add("photographs", metavar="FOLDER", type=Path, help="a folder of images for each class in it")
    add("--teacher", metavar="MODEL", default=TEACHER, help=f"a name or a file ({TEACHER})")
    add("--student", metavar="MODEL", default=STUDENT, help=f"a name ({STUDENT})")
    add("--from-scratch", action="store_true", help="a student without published weights")
    add("--size", metavar="N", type=int, help="side of the student's images (its own)")
    add("--epochs", metavar="N", type=int, help="epochs (by the number of images)")
    add("--fits", metavar="DEVICE", help="check whether it fits a device, such as raspberry-pi-5")
    add("--to", metavar="FILE", type=Path, help="the .onnx of the student (student.onnx)")
    add("--out", metavar="FOLDER", type=Path, help="where all is written (FOLDER-student)")
    add("--gpu", metavar="N", type=int, default=-1, help="0 is the first GPU (the processor)")
    add("--seed", metavar="N", type=int, default=0, help="of weights, order and views (0)")
    return parser


def _new(options: argparse.Namespace) -> int:
    from deelish.cli.experiment.prepare import prepared, write
    from deelish.cli.experiment.script import NAME

    made = prepared(options)
    write(made)
    say(f"run it: cd {shlex.quote(str(made.folder))} && python {NAME}")
    return 0


def _distill(options: argparse.Namespace) -> int:
    from deelish.cli.experiment.prepare import prepared, write
    from deelish.cli.experiment.script import NAME

    made = prepared(options)
    write(made)
    with contextlib.chdir(made.folder):
        code = run(NAME, debug=options.debug)
    if code == 0:
        say(f"{made.target}: the student in int8, {amount(made.target.stat().st_size)}")
        say(f"{made.folder}: {', '.join(MADE)}")
    return code
