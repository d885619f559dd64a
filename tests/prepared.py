"""Runs scripts in copies of a process that has imported PyTorch and deelish already.

The imports take longer than most of these scripts.
"""

import multiprocessing
import os
import sys
import traceback
import warnings
from functools import cache
from pathlib import Path

# What nearly every script imports, in the end.
IMPORTS = ["torch", "deelish", "deelish.engines.torch.engine", "deelish.networks", "matplotlib"]
# Seconds after which a script hangs.
PATIENCE = 300


@cache
def _context():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTS)
    return context


def run_script(folder, text, *arguments, env):
    """The exit status of a script, and what it wrote to stdout and stderr; warnings are errors.

    Args:
        folder: the working directory.
        text: the script.
        arguments: `sys.argv` behind the script's name.
        env: the environment.
    """
    streams = [Path(folder, f"{name}.txt") for name in ("stdout", "stderr")]
    process = _context().Process(target=_run, args=(folder, text, arguments, dict(env), streams))
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
    out, err = (stream.read_text() for stream in streams)
    for stream in streams:
        stream.unlink()
    return process.exitcode, out, err


def _run(folder, text, arguments, env, streams):
    for number, stream in enumerate(streams, start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["-c", *arguments]
    sys.path.insert(0, "")
    warnings.simplefilter("error")
    try:
        exec(compile(text, "<string>", "exec"), {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
