"""Runs scripts in copies of a process that has imported PyTorch and deelish already.

The imports take longer than most of these scripts.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
import traceback
import warnings
from functools import cache
from pathlib import Path

# What nearly every script imports, in the end; an optimiser of PyTorch imports its compiler.
IMPORTS = ["torch", "torch._dynamo", "matplotlib.pyplot"]
IMPORTS += ["deelish", "deelish.engines.torch.engine", "deelish.networks"]
# Seconds after which a script hangs.
PATIENCE = 300


@cache
def _context():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTS)
    return context


class Script:
    """A script that has been started; warnings are errors in it.

    Args:
        folder: the working directory.
        script: its path, or its text.
        arguments: `sys.argv` behind the script's name.
        env: the environment.
    """

    def __init__(self, folder, script, *arguments, env):
        self._written = tempfile.TemporaryDirectory()
        self._streams = [Path(self._written.name, name) for name in ("stdout", "stderr")]
        given = (folder, script, [str(each) for each in arguments], dict(env), self._streams)
        self._process = _context().Process(target=_run, args=given)
        self._process.start()

    def end(self, patience=PATIENCE):
        """Wait for it, and kill it where it hangs: its status, and what it wrote to both."""
        self._process.join(patience)
        if self._process.exitcode is None:
            self.kill()
        with self._written:
            return self._process.exitcode, *(stream.read_text() for stream in self._streams)

    def kill(self):
        """End it at once."""
        self._process.kill()
        self._process.join()


def run_script(folder, script, *arguments, env):
    """Run a script: its exit status, and what it wrote to stdout and stderr."""
    return Script(folder, script, *arguments, env=env).end()


def _run(folder, script, arguments, env, streams):
    for number, stream in enumerate(streams, start=1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    warnings.simplefilter("error")
    is_file = isinstance(script, Path)
    sys.argv = [str(script) if is_file else "-c", *arguments]
    sys.path.insert(0, str(script.parent) if is_file else "")
    try:
        if is_file:
            runpy.run_path(str(script), run_name="__main__")
        else:
            exec(compile(script, "<string>", "exec"), {"__name__": "__main__"})
    except Exception:
        traceback.print_exc()
        sys.exit(1)
    finally:
        sys.stdout.flush()
