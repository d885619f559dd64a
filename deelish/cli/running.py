"""Runs a script for the command line: checkpoints, and the traceback of its own lines alone."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from deelish.errors import DeelishError


def run(
    script: str, arguments: Sequence[str] = (), *, resume: Path | None = None, debug: bool = False
) -> int:
    """Run a script and return the exit code: 1 after an error of the script's own.

    Args:
        script: its path.
        arguments: what follows it on the command line.
        resume: the folder of the checkpoints of its trainings.
        debug: whether a traceback begins with this command's own frames.

    Raises:
        DeelishError: what deelish found wrong.
    """
    from deelish.cli.legacy import run_script
    from deelish.language.saving import resuming_script

    resuming = nullcontext() if resume is None else resuming_script(resume)
    try:
        with resuming:
            run_script(script, arguments)
    except DeelishError:
        raise
    except Exception as error:
        _print_traceback(error, None if debug else script)
        return 1
    return 0


def _print_traceback(error: Exception, script: str | None) -> None:
    """Print as Python does: from the script's first frame on, without this command's own."""
    frame = error.__traceback__
    while script and frame is not None and frame.tb_frame.f_code.co_filename != script:
        frame = frame.tb_next
    traceback.print_exception(type(error), error, frame or error.__traceback__)
