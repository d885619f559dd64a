"""How much memory is free: of the machine, and of the container that limits it."""

import pytest

from deelish.images.cache.room import UNKNOWN, free_disk, free_memory


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:   8000 kB\n"}
SECOND = {
    "sys/fs/cgroup/memory.current": "5000000\n",
    "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 1000000\n",
}
FIRST = {
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000000\n",
    "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 2000000\n",
}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, UNKNOWN),
        ({"proc/meminfo": "MemTotal: 9000 kB\n"}, UNKNOWN),
        (MACHINE, 8_192_000),
        ({**MACHINE, **SECOND, "sys/fs/cgroup/memory.max": "max\n"}, 8_192_000),
        ({**MACHINE, **SECOND, "sys/fs/cgroup/memory.max": "6000000\n"}, 2_000_000),
        ({**MACHINE, **SECOND, "sys/fs/cgroup/memory.max": "3000000\n"}, 0),
        ({**MACHINE, **SECOND, "sys/fs/cgroup/memory.max": "90000000\n"}, 8_192_000),
        (
            {**MACHINE, **FIRST, "sys/fs/cgroup/memory/memory.limit_in_bytes": "6000000\n"},
            3_000_000,
        ),
    ],
)
def test_the_smallest_of_what_is_known(files, free, tmp_path):
    assert free_memory(write(tmp_path, files)) == free


def test_this_machine_has_some():
    assert free_memory() > 0


def test_a_folder_that_is_not_there_yet_has_the_room_of_its_disk(tmp_path):
    assert free_disk(tmp_path / "not" / "there") > 0
