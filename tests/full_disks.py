"""Disks that are really full: a limit of the process on its files, and a small tmpfs."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked import in_a_child

TMPFS_BYTES = 4 << 20


def with_short_files(function: Callable[[], object], most: int) -> str:
    """What the function returns, in a child process whose files have at most so many bytes."""

    def limited() -> object:
        # Python ignores SIGXFSZ, so that a write that would pass the limit is an error.
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return function()

    status, said = in_a_child(limited)
    assert status == 0, f"the process ended with status {status}: {said}"
    return said


@contextlib.contextmanager
def small_disk(folder: Path, size: int = TMPFS_BYTES) -> Iterator[Path]:
    """A tmpfs mounted at a folder; skips where this process may mount none."""
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount")
    if mount is None or sys.platform != "linux":
        pytest.skip("no tmpfs can be mounted here")
    command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this user may mount no tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> None:
    """Fill the disk of a folder but for so many bytes."""
    with (folder / "filler").open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        file.truncate(max(0, file.seek(0, os.SEEK_END) - leave))
