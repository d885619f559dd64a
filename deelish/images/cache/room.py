"""How much memory and how much of a disk are free."""

from __future__ import annotations

import shutil
from pathlib import Path

# Where the system does not say how much memory is free.
UNKNOWN = 2_000_000_000

# Of a control group, in its version 2 and 1: limit, what is used, and which line of its statistics
# says how much of that is only the page cache of files, which the system gives up.
GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may still take: of the machine, and of its container.

    root: where /proc and /sys are.
    """
    found = [_group(root / "sys/fs/cgroup", *names) for names in GROUPS]
    try:
        found.append(1024 * _line(root / "proc/meminfo", "MemAvailable:"))
    except (OSError, ValueError):
        found.append(UNKNOWN)
    return min(room for room in found if room is not None)


def free_disk(folder: Path) -> int:
    """Bytes that are free on the disk of the folder, which need not be there yet.

    Raises:
        OSError: the disk does not say.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _group(folder: Path, limit: str, used: str, statistics: str, files: str) -> int | None:
    """What a control group has left; None where there is none, or it has no limit."""
    try:
        most = int((folder / limit).read_text())  # "max" is no number
        taken = int((folder / used).read_text()) - _line(folder / statistics, files)
    except (OSError, ValueError):
        return None
    return max(0, most - taken)


def _line(path: Path, name: str) -> int:
    """The number behind a name in a file of lines `name number`."""
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == [name]:
            return int(words[1])
    raise ValueError(name)
