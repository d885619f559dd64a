"""One side: does a piece of work, a round at a time, whenever it is asked to.

    python -m speed.child SETTING JOB OPTIONS

SETTING and OPTIONS are JSON, JOB is "package.module:Class". It reads a word a line, "round" or
"end", and replies to each with a line of JSON.
"""

import importlib
import json
import os
import resource
import sys

from speed.setting import Setting
from speed.work import Absent


def main():
    given, job, options = sys.argv[1:]
    setting = Setting.from_json(given)
    replies = os.fdopen(os.dup(1), "w")
    # Libraries print what they like.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def reply(**values):
        print(json.dumps(values), file=replies, flush=True)

    module, name = job.split(":")
    try:
        kind = getattr(importlib.import_module(module), name)
        work = kind(setting, **json.loads(options))
    except (Absent, ImportError) as error:
        missing = isinstance(error, ModuleNotFoundError)
        reply(absent=f"there is no package {error.name}" if missing else str(error))
        return
    reply(type=work.type, notes=work.notes)
    for line in sys.stdin:
        if line.strip() == "end":
            # In kilobytes on Linux.
            reply(peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        images, seconds = work.round()
        reply(images=images, seconds=seconds, notes=work.notes)


if __name__ == "__main__":
    main()
