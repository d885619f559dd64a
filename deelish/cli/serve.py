"""The command `serve`: a page on this machine that shows what networks make of pictures."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from deelish.cli.parser import Parser, add_command
from deelish.common.extras import PAGE
from deelish.common.printing import say
from deelish.errors import FileError, MissingPackageError

HERE = "127.0.0.1"
# The names by which a browser on this machine may call it.
NAMES = (HERE, "localhost", "[::1]")
LAST_PORT = 65535


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add it to the command line; it sets `act`, which runs it and gives the exit code."""
    serve = add_command(
        commands,
        "serve",
        "show what networks make of pictures, on a page of this machine",
        "serve teacher.onnx student.safetensors",
    )
    add = serve.add_argument
    add("models", metavar="MODEL", nargs="+", help=".onnx, .hdf5, .safetensors, .caffemodel")
    add("--labels", metavar="FILE", help="names of the classes, one a line")
    add("--log", metavar="FOLDER", type=Path, help="a training to watch: BatchTrain(log=FOLDER)")
    add("--port", metavar="N", type=int, default=8000, help="the port, 0 for a free one (8000)")
    add("--host", metavar="ADDRESS", default=HERE, help=f"who may reach the page ({HERE})")
    serve.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    try:
        import uvicorn

        from deelish.cli.page.app import Page
    except ImportError:
        raise MissingPackageError(f"serve: needs starlette and uvicorn; {PAGE}") from None
    from deelish.cli.page.log import checked_log
    from deelish.cli.page.predicting import ServedNetworks

    log = None if options.log is None else checked_log(options.log)
    with _listening(options.host, options.port) as listening:
        page = Page(ServedNetworks(options.models, options.labels), log)
        alone = options.host in NAMES
        server = uvicorn.Server(
            uvicorn.Config(
                page.application(NAMES if alone else None),
                log_level="warning",
                server_header=False,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=2,
                limit_concurrency=256,
            )
        )
        shown = options.host if alone else socket.gethostname()
        say(f"open http://{shown}:{listening.getsockname()[1]}/ in a browser; Ctrl-C ends it")
        if not alone:
            say("every machine that reaches this one may use it; without https there is no camera")
        server.run(sockets=[listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        FileError: the port is taken, or no such address is this machine's.
    """
    if not 0 <= port <= LAST_PORT:
        raise FileError(f"--port {port}: ports are 1 to {LAST_PORT}, and 0 takes a free one")
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise FileError(
            f"serve: cannot listen on {host}:{port} ({error.strerror}); give another --port, or 0"
            " for a free one"
        ) from error
