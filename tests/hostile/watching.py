"""What opening a file of a stranger may do: refuse it, in little memory, and touch nothing else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from forked import in_a_child

from deelish.errors import DeelishError

MEGABYTE = 2**20
# Beyond the size of the file.
MOST_BYTES = 64 * MEGABYTE
_OPENED, _READ = 0x20, 0x1
_EVENT = struct.Struct("iIII")


@contextlib.contextmanager
def nobody_reads(path: Path) -> Iterator[None]:
    """Fails where a file is opened or read meanwhile, by whatever library; looked at on Linux."""
    if sys.platform != "linux":
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    watch = system.inotify_init1(os.O_NONBLOCK)
    assert system.inotify_add_watch(watch, os.fsencode(path), _OPENED | _READ) >= 0
    try:
        yield
        with contextlib.suppress(BlockingIOError):
            assert not os.read(watch, 4096), f"{path} was opened"
    finally:
        os.close(watch)


def refusal(function: Callable[[], object], path: Path) -> str:
    """The sentence that refuses a file, in a child process that takes little memory for it."""

    def refused() -> str:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is reset
        before = _memory("VmRSS")
        try:
            function()
        except DeelishError as error:
            sentence = str(error)
        else:
            raise AssertionError(f"{path} was opened")
        return f"{_memory('VmHWM') - before} {sentence}"

    status, said = in_a_child(refused)
    assert status == 0, said
    taken, _, sentence = said.partition(" ")
    assert int(taken) <= path.stat().st_size + MOST_BYTES, f"{int(taken):,} bytes: {sentence}"
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def _memory(name: str) -> int:
    """Bytes of this process, by the name in its status."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024
