"""What the benchmarks on lists of images share: their data, and figures that stay in a folder."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from speed.options import at_least

from deelish import BatchTrain
from deelish.errors import DeelishError
from deelish.storage.atomic import write_file
from deelish.storage.lock import try_to_take

# Seconds between two looks at what another process works on.
PATIENCE = 1


@contextmanager
def shared(jobs):
    """Within it `jobs` processes of this command, of one thread each, share the work.

    Two trainings side by side take less time than one after the other with two threads. Enter it
    before the first session: an engine takes its threads when it is imported.
    """
    others = []
    if jobs > 1:
        os.environ["OMP_NUM_THREADS"] = "1"
        command = [sys.executable, *sys.argv, "--jobs", "1"]
        others = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            for _ in range(jobs - 1)
        ]
    try:
        yield
    except BaseException as error:
        for other in others:
            other.terminate()
        if isinstance(error, DeelishError):
            sys.exit(str(error))
        raise
    finally:
        for other in others:
            other.wait()


class Run:
    """A training that goes on where it was stopped."""

    def __init__(self, path):
        self._folder, self._clock = path.with_suffix(".checkpoints"), path.with_suffix(".seconds")
        self._before = float(self._clock.read_text()) if self._clock.is_file() else 0.0
        self._start = time.perf_counter()

    @property
    def seconds(self):
        """How long it took, in all processes that had a part in it.

        Of one that was killed what came after its last epoch does not count.
        """
        return self._before + time.perf_counter() - self._start

    def train(self, workout, epochs, **how):
        """The history of BatchTrain, which goes on where an earlier process stopped."""
        history = BatchTrain(workout, self._note, epochs=epochs, resume=self._folder, **how)
        self._note()
        return whole(history, epochs)

    def _note(self):
        write_file(self._clock, str(self.seconds).encode())

    def end(self):
        """Remove what only an unfinished training needs."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._clock.unlink(missing_ok=True)


def whole(history, epochs):
    """The history; Ctrl-C, which only ended the training, ends the process: it is no result."""
    if len(history) < epochs:
        sys.exit("stopped by Ctrl-C; give the same command again to go on")
    return history


def all_of(work, needs=None):
    """{path: figures} of all trainings; several processes may run it at once, and share them.

    A file that an earlier run left is final. One that another process works on is left to it, and
    goes on here where that was killed.

    work: {path of a .json: a function that is given a Run and gives a dict of figures}. "seconds"
        are added.
    needs: {path: another path of `work` that has to be there before it}.
    """
    found, needs = {}, needs or {}
    while len(found) < len(work):
        before = len(found)
        for path, measure in work.items():
            if path in found or (path in needs and not needs[path].is_file()):
                continue
            if path.is_file() or _measured(path, measure):
                found[path] = json.loads(path.read_text())
                print(f"{path.stem}: {json.dumps(found[path])}", flush=True)
        if len(found) == before:
            time.sleep(PATIENCE)
    return found


def _measured(path, measure):
    """Write the figures of a training, unless another process works on it."""
    handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    try:
        if try_to_take(handle) is False:
            return False
        # It may have ended between the look and the lock.
        if not path.is_file():
            run = Run(path)
            found = measure(run)
            found = {**found, "seconds": round(run.seconds)}
            write_file(path, json.dumps(found).encode())
            run.end()
        return True
    finally:
        os.close(handle)


def lines(path):
    """The (path, label) of each line of a list."""
    return [line.rsplit(maxsplit=1) for line in path.read_text().splitlines()]


def first_of_each(data, name, count):
    """The lines of a list of the folder `data` for its first `count` images of each class.

    Paths in them are whole ones.
    """
    seen, found = Counter(), []
    for path, label in lines(data / name):
        seen[label] += 1
        if seen[label] <= count:
            found.append(f"{(data / path).resolve()} {label}\n")
    return "".join(found)


def write_list(path, text):
    """Write a list of images, unless it is there: another process may be reading it."""
    if not path.is_file() or path.read_text() != text:
        write_file(path, text.encode())
    return path


def add_options(parser, name, count):
    """The options that these benchmarks share; `name` is that of the script.

    count: how many training images of each class --held-out keeps.
    """
    parser.set_defaults(held_out_count=count)
    add = parser.add_argument
    add("--held-out", action="store_true", help="measure on training images that are held out")
    add("--trial", action="store_true", help="take fewer images, too")
    add("--keep", type=Path, default=Path("kept") / name, help="a folder for what was measured")
    add("--jobs", type=at_least(1), default=2, help="trainings at once, of one thread each")
    add("--json", action="store_true", help="end with one JSON object")


def names_of(text, known):
    """The names in a text with commas; stops at one that is not known."""
    names = text.split(",")
    for name in names:
        if name not in known:
            sys.exit(f"there is no {name!r}; choose from {', '.join(known)}")
    return names


def opened(options, name, counts):
    """The folder of the dataset, and that for what is measured, made.

    It stops where a list of {list: images} is missing, or has other images.
    """
    data = _checked(options, name, counts)
    folder = options.keep / "held_out" if options.held_out else options.keep
    make_folder("--keep", folder)
    return held_out(data, folder, options.held_out_count) if options.held_out else data, folder


def make_folder(option, path):
    """Make the folder that an option names; stops where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"{option} {path}: {error.strerror}; name a folder that can be made")


def _checked(options, name, counts):
    for each, expected in counts.items():
        path = options.data / each
        if not path.is_file():
            sys.exit(f"{path}: no such file; give the folder of {name}, with {', '.join(counts)}")
        found = len(path.read_text().splitlines())
        if found != expected and not options.trial:
            sys.exit(f"{path}: has {found:,} images, and that of {name} {expected:,}")
    return options.data


def held_out(data, folder, count):
    """A folder to choose by: its test list has the last `count` training images of each class."""
    left, parts = Counter(label for _, label in lines(data / "train.txt")), ([], [])
    for path, label in lines(data / "train.txt"):
        parts[left[label] <= count].append(f"{(data / path).resolve()} {label}\n")
        left[label] -= 1
    for name, part in zip(("train.txt", "test.txt"), parts, strict=True):
        write_list(folder / name, "".join(part))
    return folder


def accuracy(model, data):
    """Accuracy on the images of test.txt in the folder `data`, in the centre view."""
    items, right = lines(data / "test.txt"), 0
    for start in range(0, len(items), 500):
        part = items[start : start + 500]
        best = model.batch_feature([data / path for path, _ in part]).value.argmax(1)
        right += int(sum(best == [int(label) for _, label in part]))
    return right / len(items)
