"""The Python of each way: deelish has this one, the others have virtual environments."""

import json
import subprocess
import sys
from pathlib import Path

from deelish.storage.atomic import write_file
from rival_runs.bound import bound
from rival_runs.ways import OWN, LeftOut

# It is written when pip is done: without it an environment is made again.
DONE = "installed.json"


def environment(way, folder):
    """The Python of a way; what an earlier run installed is used as it is.

    Raises:
        LeftOut: pip cannot install its packages.
    """
    if not way.packages:
        return Path(sys.executable)
    place = folder / "environments" / "-".join(map(bare, way.packages))
    python, done = place / "bin" / "python", place / DONE
    if not done.is_file() or json.loads(done.read_text()) != list(way.packages):
        make(place, python, way.packages)
        write_file(done, json.dumps(way.packages).encode())
    return python


def make(place, python, packages):
    """A new environment with these packages."""
    command = [sys.executable, "-m", "venv", "--clear", place]
    subprocess.run(command, check=True, preexec_fn=bound)
    command = [python, "-m", "pip", "install", "-q", *packages]
    made = subprocess.run(command, stderr=subprocess.PIPE, text=True, preexec_fn=bound)
    if made.returncode:
        errors = [line for line in made.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"status {made.returncode}"
        raise LeftOut(f"pip could not install {', '.join(packages)}: {reason}")


def bare(package):
    """The name of a package without the versions that are allowed."""
    return package.partition(">")[0]


def versions(way, python):
    """{package: version} in an environment."""
    names = [bare(package) for package in way.packages or OWN]
    code = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]), sep='\\n')"
    done = subprocess.run([python, "-c", code, *names], check=True, stdout=subprocess.PIPE)
    return dict(zip(names, done.stdout.decode().split(), strict=True))
