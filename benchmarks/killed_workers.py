"""100,000 logits by parts on Ray, while workers are killed at random: what is lost, what is twice.

    make demo && python benchmarks/killed_workers.py [--kills 50] [--parts 200] [--views 25]
        [--json]

The teacher is the demo's, demo/teacher.safetensors, and the images are its 4,000 digits in 25 views
each. One process computes all parts first. Then `deelish teach --parts --ray local` computes them
again elsewhere, and `deelish cache merge` makes one file of the parts. Meanwhile processes that
compute a part are chosen at random and get SIGKILL, so many of them in all. Where a part fails more
often than Ray tries it again, the same command is given again, as a person would. Each part that is
written is counted. It runs on Linux.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from speed.options import at_least

ROOT = Path(__file__).resolve().parents[1]
# In the processes of Ray: a line for each part that is written.
COUNTING = """
import os
from deelish.distillation.teacher_cache import segments
_write = segments.write
def write(header, folder, sources):
    made = _write(header, folder, sources)
    handle = os.open(os.environ["WRITTEN"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{made.name}\\n".encode())
    os.close(handle)
    return made
segments.write = write
"""


def deelish(words, cache, **more):
    """Run the command; its exit code."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DEELISH_CACHE": str(cache), **more}
    words = [sys.executable, "-m", "deelish", *map(str, words)]
    return subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL).returncode


def computing():
    """The processes that compute a part now; Ray names them so."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::compute"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


class Killer(threading.Thread):
    """Kills so many processes, one after the other, at random moments."""

    def __init__(self, kills):
        super().__init__(daemon=True)
        self.killed, self._kills, self._chance = 0, kills, random.Random(1)

    def run(self):
        while self.killed < self._kills:
            time.sleep(self._chance.uniform(0.2, 2))
            for process in self._chance.sample(found := computing(), min(1, len(found))):
                os.kill(process, signal.SIGKILL)
                self.killed += 1


def main():
    count = at_least(1)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=count, default=50)
    parser.add_argument("--parts", type=count, default=200)
    parser.add_argument("--views", type=count, default=25)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    teach = ["teach", "demo/teacher.safetensors", "--images", "demo/unlabelled.txt"]
    teach += ["--root", "data/digits", "--views", options.views, "--crop", "0.875", "--no-mirror"]
    with tempfile.TemporaryDirectory() as name:
        alone, spread, hook = (Path(name, part) for part in ("alone", "spread", "hook"))
        start = time.perf_counter()
        whole = [*teach, "--parts", options.parts]
        if deelish(whole, alone) or deelish(["cache", "merge"], alone):
            sys.exit("one process failed; run make demo first")
        seconds = [time.perf_counter() - start]
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(COUNTING)
        written = hook / "written"
        killer, commands = Killer(options.kills), 0
        killer.start()
        start = time.perf_counter()
        path = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
        words = [*whole, "--ray", "local"]
        while deelish(words, spread, PYTHONPATH=path, WRITTEN=str(written)):
            commands += 1
        seconds.append(time.perf_counter() - start)
        lines = written.read_text().splitlines()
        if deelish(["cache", "merge"], spread):
            sys.exit("the parts could not be merged")
        (expected,), (found,) = (list(folder.glob("*.segment")) for folder in (alone, spread))
        made = {
            "kills": killer.killed,
            "commands": commands + 1,
            "parts": options.parts,
            "parts_written": len(lines),
            "written_twice": len(lines) - len(set(lines)),
            "same_bytes": expected.read_bytes() == found.read_bytes(),
            "seconds": seconds,
        }
    print(
        f"{made['kills']} workers were killed; {made['commands']} commands wrote {len(lines)} files"
        f" for {options.parts} parts, {made['written_twice']} of them twice; the merged file has"
        f" {'the same' if made['same_bytes'] else 'OTHER'} bytes as that of one process;"
        f" {seconds[0]:.0f} s alone, {seconds[1]:.0f} s with kills"
    )
    if options.json:
        print(json.dumps(made))
    if not made["same_bytes"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
