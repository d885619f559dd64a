"""Starts processes: scripts that print JSON, and trainings together, as torchrun does."""

import json
import os
import socket
from pathlib import Path

from prepared import Script, run_script

TESTS = Path(__file__).parent


def environment(**more):
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, **more}


def printed(script, *arguments):
    """Run a script, which ends well; the values of the lines of JSON that it prints."""
    status, out, err = run_script(TESTS, Path(script), *arguments, env=environment())
    assert status == 0, err
    return [json.loads(line) for line in out.splitlines() if line.startswith(("{", "["))]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def torchrun_environment(rank, size, port):
    """The environment of one process."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return {name: str(value) for name, value in {**numbers, **place}.items()}


def run_both(script, folder, extension="", size=2, **more):
    """Run a script in two processes, or more: (stdout, stderr) of each.

    Each is given the folder, and the file in it, "0" or "1" with the extension, for its results.
    """
    port = free_port()
    running = [
        Script(
            TESTS,
            Path(script),
            folder,
            folder / f"{rank}{extension}",
            env=environment(**torchrun_environment(rank, size, port), **more),
        )
        for rank in range(size)
    ]
    try:
        output = [process.end() for process in running]
    finally:
        for process in running:
            process.kill()
    assert not any(status for status, _, _ in output), output
    return [(out, err) for _, out, err in output]
