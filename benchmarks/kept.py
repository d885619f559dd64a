"""Figures that stay in a folder: a benchmark that was stopped goes on where it was."""

import json
import os
import time


def once(path, measure):
    """What `measure()` gives, and its "seconds"; a file that an earlier run left is final.

    path: of the .json file.  measure: a function that gives a dict of figures.
    """
    if not path.is_file():
        start = time.perf_counter()
        found = {**measure(), "seconds": round(time.perf_counter() - start)}
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(found))
        os.replace(unfinished, path)
        print(f"{path.stem}: {json.dumps(found)}", flush=True)
    return json.loads(path.read_text())
