"""Starts processes: scripts that print JSON, and trainings together, as torchrun does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def environment(**more):
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, **more}


def printed(script, *arguments):
    """Run a script, which ends well; the values of the lines of JSON that it prints."""
    made = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return [json.loads(line) for line in made.stdout.splitlines() if line.startswith(("{", "["))]


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
        subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                script,
                str(folder),
                str(folder / f"{rank}{extension}"),
            ],
            env=environment(**torchrun_environment(rank, size, port), **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        output = [process.communicate(timeout=200) for process in running]
    finally:
        for process in running:
            process.kill()
    assert not any(process.returncode for process in running), output
    return output
