"""One process that loads a network and answers: `answer.py JOB`, a JSON object; prints another.

The job names the way, its file, what it answers to, how many times, and how much memory there is.
The limit comes first, before any import that takes memory. Nothing here imports deelish, unless
deelish is the way, so that a process holds only what a user's would.
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path


def limit(mib):
    """Let this process have so much memory of its own; files that are mapped do not count."""
    resource.setrlimit(resource.RLIMIT_DATA, (mib * 2**20, mib * 2**20))


def peak_mib():
    """The most memory that was resident. The peak of getrusage starts with that of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measured(job):
    """Load, answer once to warm up, then so many times one image; the logits go into a file."""
    import numpy as np
    import ways

    answer = getattr(ways, job["way"])(**job["arguments"])
    images = np.load(job["images"])
    logits = np.concatenate([answer(image[None]) for image in images])
    processor, wall = [], []
    for number in range(job["rounds"]):
        image = images[number % len(images)][None]
        begun = time.perf_counter(), time.process_time()
        answer(image)
        wall.append(time.perf_counter() - begun[0])
        processor.append(time.process_time() - begun[1])
    np.save(job["logits"], logits)
    return {
        "cpu_ms": statistics.median(processor) * 1e3,
        "wall_ms": statistics.median(wall) * 1e3,
        "peak_mib": peak_mib(),
    }


def main():
    job = json.loads(sys.argv[1])
    if job["mib"]:
        limit(job["mib"])
    try:
        found = measured(job)
    except Exception as error:
        # Whoever started this tells the kinds apart. A text of 30 lines helps nobody.
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
