"""The command `bench`: networks and files, measured in the runtimes of small devices."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deelish.cli.compare import KINDS
from deelish.cli.models import learner_of
from deelish.cli.parser import Parser, add_command

if TYPE_CHECKING:
    from deelish.language.benching import Source

# Their table is with the engines, which take long to import.
NAMES = "onnxruntime, openvino, litert, executorch, ncnn"


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add it to the command line; it sets `act`, which runs it and gives the exit code."""
    bench = add_command(
        commands,
        "bench",
        "measure models in the runtimes of small devices: time, memory, size",
        "bench student.hdf5 --int8 data/train.txt --fits raspberry-pi-3",
    )
    add = bench.add_argument
    add("models", metavar="MODEL", nargs="+", help=KINDS)
    add("--runtimes", metavar="NAMES", default="all", help=f"all, or of {NAMES}")
    add("--int8", metavar="LIST", default=False, help="in int8 too, calibrated on these images")
    add("--float16", action="store_true", help="with weights in float16 too")
    add("--threads", metavar="N", type=int, default=1, help="so many threads answer (1)")
    add("--fits", metavar="DEVICE", help="check whether they fit a device, such as raspberry-pi-3")
    bench.set_defaults(act=_bench)


def _bench(options: argparse.Namespace) -> int:
    from deelish.language.benching import Bench

    made = Bench(
        *map(_opened, options.models),
        runtimes=options.runtimes,
        int8=options.int8,
        float16=options.float16,
        threads=options.threads,
        fits=options.fits,
    )
    print(made)
    return 0


def _opened(model: str) -> Source:
    from deelish.engines.runtimes.table import runtime_of

    return model if runtime_of(Path(model)) is not None else learner_of(model)
