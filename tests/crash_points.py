"""Ends a process before or after any single write, flush, rename or removal of what it does.

`crash_points` counts the calls that a function makes of the system, and `run_until` runs it in a
child process that ends at one of them, as if it had been killed there. Calls from within C, such
as the writes of what `open` returns, are not seen; those before and after them are.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from forked import in_a_child

# The calls that change a disk, as Python makes them; pathlib and tempfile use these, too.
CALLS = (
    *("open", "write", "fsync", "fdatasync", "ftruncate", "truncate", "close"),
    *("replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir"),
    *("chmod", "fchmod", "chown", "utime", "pwrite", "writev", "sendfile", "posix_fallocate"),
)
# The status of a process that was ended on purpose.
CRASHED = 77


class _Counter:
    """Counts moments: two for each call, one before it and one after it; ends at one of them."""

    def __init__(self, end_at: int) -> None:
        self.seen, self.end_at = 0, end_at

    def moment(self) -> None:
        if self.seen == self.end_at:
            os._exit(CRASHED)
        self.seen += 1

    def wrapped(self, call: Callable) -> Callable:
        def counted(*args, **kwargs):
            self.moment()
            made = call(*args, **kwargs)
            self.moment()
            return made

        return counted

    def watch(self) -> None:
        for name in CALLS:
            if hasattr(os, name):
                setattr(os, name, self.wrapped(getattr(os, name)))


def _in_a_child(function: Callable[[], object], end_at: int) -> tuple[int, int]:
    """The status of a child process that ran the function, and how many moments it saw."""

    def counted() -> str:
        counter = _Counter(end_at)
        counter.watch()
        function()
        counter.end_at = -1
        return str(counter.seen)

    status, said = in_a_child(counted)
    assert status in (0, CRASHED), said
    return status, int(said or 0)


def count_moments(function: Callable[[], object]) -> int:
    """How many moments there are at which the function can be ended; it runs in a child."""
    status, moments = _in_a_child(function, -1)
    assert status == 0, f"the function ends with status {status} when nothing ends it"
    return moments


def run_until(function: Callable[[], object], moment: int) -> None:
    """Run the function in a child process that is ended at this moment."""
    status, _ = _in_a_child(function, moment)
    assert status == CRASHED, f"the function ends with status {status} before moment {moment}"


def crash_points(
    function: Callable[[], object], prepare: Callable[[], object]
) -> Iterator[tuple[int, int]]:
    """Run the function up to each of its moments, in order: (moment, how many there are).

    Args:
        function: what is ended; it runs in a child process, so it changes nothing but files.
        prepare: puts the files back as they were before it, in this process.
    """
    prepare()
    moments = count_moments(function)
    for moment in range(moments):
        prepare()
        run_until(function, moment)
        yield moment, moments


def names_in(folder: Path) -> list[str]:
    """The names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())
