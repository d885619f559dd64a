"""One training in a process of its own, and its row, which stays for the next time."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time

from deelish.storage.atomic import write_file
from rival_runs.bound import bound
from rival_runs.ways import SCRIPTS, LeftOut

_ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")


def digest(*paths):
    """What some files hold, as one short text."""
    found = hashlib.sha256()
    for path in paths:
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def kept(folder, facts, train):
    """The figures of a training; those of an earlier run with the same facts are final.

    facts: all that the figures depend on; `row` and `seed` name the file.
    """
    text = json.dumps(facts, sort_keys=True)
    name = f"{facts['row'].replace(', ', '_')}_{facts['seed']}"
    path = folder / "rows" / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        figures = train()
        write_file(path, json.dumps({"figures": figures, "facts": facts}, indent=1).encode())
    return json.loads(path.read_text())["figures"]


def run(python, way, arguments, folder):
    """What one script gave: accuracy, seconds, seconds in all, peak in MB.

    Raises:
        LeftOut: the script failed.
    """
    script, output, errors = SCRIPTS / way.files[0], folder / "output.txt", folder / "errors.txt"
    # Each training caches and compiles for itself; one that was killed left its own.
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    caches = {"DEELISH_CACHE": str(cache), "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    with output.open("w") as out, errors.open("w") as err:
        settings = {**os.environ, **caches, **dict(way.settings)}
        options = {"stdout": out, "stderr": err, "env": settings}
        status, measured = ended([python, script, *arguments], options)
    if status:
        raise LeftOut(failure(script, status, errors.read_text()))
    return {**json.loads(output.read_text().splitlines()[-1]), **measured}


def ended(command, options):
    """The status of a process, and its seconds and peak."""
    start = time.perf_counter()
    process = subprocess.Popen(command, preexec_fn=bound, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    return process.returncode, {"seconds_in_all": seconds, "peak_mb": usage.ru_maxrss / 1024}


def failure(script, status, errors):
    """Why a script failed: the last error that it wrote, or else its last line."""
    lines = errors.strip().splitlines() or ["it wrote no error"]
    # A bar may write once more after the traceback.
    last = next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1])
    return f"{script.name} ended with status {status}: {last}"
