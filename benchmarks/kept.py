"""What the benchmarks on lists of images share: their data, and figures that stay in a folder."""

import json
import sys
import time
from collections import Counter


def once(path, measure):
    """What `measure()` gives, and its "seconds"; a file that an earlier run left is final.

    path: of the .json file.  measure: a function that gives a dict of figures.
    """
    if not path.is_file():
        start = time.perf_counter()
        found = {**measure(), "seconds": round(time.perf_counter() - start)}
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(found))
        unfinished.replace(path)
        print(f"{path.stem}: {json.dumps(found)}", flush=True)
    return json.loads(path.read_text())


def lines(path):
    """The (path, label) of each line of a list."""
    return [line.split() for line in path.read_text().splitlines()]


def checked(data, name, counts):
    """The folder of a dataset; stops where a list of {list: images} is missing or another one."""
    for each, wanted in counts.items():
        path = data / each
        if not path.is_file():
            sys.exit(f"{path}: no such file; give the folder of {name}, with {', '.join(counts)}")
        found = len(path.read_text().splitlines())
        if found != wanted:
            sys.exit(f"{path}: has {found:,} images, and that of {name} {wanted:,}")
    return data


def held_out(data, folder, count):
    """A folder to choose by: its test list has the last `count` training images of each class."""
    left, parts = Counter(label for _, label in lines(data / "train.txt")), ([], [])
    for path, label in lines(data / "train.txt"):
        parts[left[label] <= count].append(f"{(data / path).resolve()} {label}\n")
        left[label] -= 1
    for name, part in zip(("train.txt", "test.txt"), parts, strict=True):
        (folder / name).write_text("".join(part))
    return folder


def accuracy(model, data):
    """Accuracy on the images of test.txt in the folder `data`, in the centre view."""
    items, right = lines(data / "test.txt"), 0
    for start in range(0, len(items), 500):
        part = items[start : start + 500]
        best = model.batch_feature([data / path for path, _ in part]).value.argmax(1)
        right += int(sum(best == [int(label) for _, label in part]))
    return right / len(items)
