"""Full disks and folders without permission: reported once, and the store stays whole."""

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    HEADER,
    RECORD,
    check_right,
    keys_of,
    logits_of,
    opened,
)
from prepared import run_script
from processes import environment

from deelish.storage.lock import NOTE_BYTES


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("written", [0, 100, RECORD, RECORD + 100, 2 * RECORD + 1])
def test_a_full_disk_is_reported_once_and_the_store_stays_whole(
    code, written, path, keys, lines, monkeypatch
):
    write = os.write

    def full(handle, data):
        if len(data) == NOTE_BYTES:
            return write(handle, data)
        if len(data) <= 3 * RECORD - written:  # the second call, for the rest
            raise OSError(code, os.strerror(code))
        return write(handle, data[:written]) if written else full(handle, b"")

    store, more = opened(path.parent), keys_of(1, 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        store.put(more, logits_of(more))
        store.put(more, logits_of(more))
    (printed,) = lines()
    assert printed == (
        f"{path}: logits of Teacher cannot be cached ({os.strerror(code)}); training goes on, and"
        " what is not there is computed each time"
    )
    assert not store.writable
    assert path.stat().st_size == HEADER + 12 * RECORD, "a part of the batch is there"
    for reader in (store, opened(path.parent)):
        check_right(reader, keys)
        assert not reader.get(more)[0].any()
    opened(path.parent).put(more, logits_of(more))
    check_right(store, more)


LIMITED = """
import resource, sys
import numpy as np
from pathlib import Path
from distillation.teacher_cache.logits_by_key import check_right, keys_of, logits_of, opened
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
store = opened(sys.argv[1])
for number in range(40):
    keys = keys_of(number, 10)
    store.put(keys, logits_of(keys))
    found, logits = store.get(keys)
    np.testing.assert_array_equal(logits[found], logits_of(keys)[found])
print(len(store))
"""


def python(code, *arguments):
    """The output of a process that runs `code`, which must end well."""
    status, out, err = run_script(Path.cwd(), code, *arguments, env=environment())
    assert (status, err) == (0, "")
    return out.splitlines()


@pytest.mark.skipif(os.name != "posix", reason="needs limits of resources")
@pytest.mark.parametrize("limit", [1000, HEADER, HEADER + 50 * RECORD + 70])
def test_a_real_limit_on_the_size_of_files(limit, tmp_path):
    *printed, count = python(LIMITED, tmp_path, limit)
    whole = max(0, limit - HEADER) // RECORD
    assert int(count) == whole
    (line,) = printed
    assert str(tmp_path) in line
    assert "logits of Teacher cannot be cached (File too large); training goes on" in line
    files = [path for path in tmp_path.iterdir() if path.name != "lock"]
    assert len(files) == (limit >= HEADER), "something is left over"
    if whole:
        assert files[0].stat().st_size == HEADER + whole * RECORD
        check_right(opened(tmp_path), np.concatenate([keys_of(n, 10) for n in range(5)]))


UNPRIVILEGED = """
import os, sys
from deelish import *
from distillation.teacher_cache.logits_by_key import check_right, keys_of, logits_of, opened
from deelish.storage import lock
if os.geteuid() == 0:
    os.seteuid(65534)
store = opened(sys.argv[1])
keys = keys_of(0, 5)
print(store.get(keys)[0].sum())
for number in range(3):
    more = keys_of(1 + number, 5)
    store.put(more, logits_of(more))
    print(store.get(more)[0].sum())
"""


@pytest.fixture
def open_folder(tmp_path_factory):
    """A folder whose parents anyone may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
@pytest.mark.parametrize("there", [5, 0])
def test_a_read_only_folder_is_read_and_reported_once(there, open_folder):
    store, keys = opened(open_folder), keys_of(0, there)
    store.put(keys, logits_of(keys))
    if there:
        store.path.chmod(0o444)
        (open_folder / "lock").chmod(0o444)
    open_folder.chmod(0o555)
    printed = python(UNPRIVILEGED, open_folder)
    assert [line for line in printed if line.isdigit()] == [str(there), "0", "0", "0"]
    (reason,) = [line for line in printed if not line.isdigit()]
    assert reason.startswith(
        f"{store.path}: logits of Teacher cannot be cached (Permission denied); training goes on"
    )


@pytest.mark.skipif(os.name != "posix", reason="needs permissions of POSIX")
def test_a_file_that_may_not_be_read_is_reported_once(open_folder):
    store, keys = opened(open_folder), keys_of(0, 5)
    store.put(keys, logits_of(keys))
    store.path.chmod(0)
    printed = python(UNPRIVILEGED, open_folder)
    assert [line for line in printed if line.isdigit()] == ["0", "0", "0", "0"]
    reasons = [line.split("Teacher ")[1] for line in printed if not line.isdigit()]
    assert [reason.split(";")[0] for reason in reasons] == [
        "cannot be read (Permission denied)",
        "cannot be cached (Permission denied)",
    ]


def test_a_file_that_cannot_be_mapped_for_once_is_not_replaced(path, keys, lines, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    before, more = path.read_bytes(), keys_of(1, 3)
    with monkeypatch.context() as patch:
        patch.setattr("mmap.mmap", refuse)
        store = opened(path.parent)
        assert not store.get(keys)[0].any()
        store.put(more, logits_of(more))
    assert path.read_bytes() == before
    assert [line.split("Teacher ")[1].split(";")[0] for line in lines()] == [
        f"cannot be {what} ({os.strerror(errno.ENOMEM)})" for what in ("read", "cached")
    ]
    check_right(store, keys)


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_reported_once(name, tmp_path, keys, lines):
    (tmp_path / "file").write_text("in the way")
    store = opened(tmp_path / name)
    for _ in range(2):
        store.put(keys, logits_of(keys))
        assert not store.get(keys)[0].any()
    assert not store.writable
    assert sum("cannot be cached" in line for line in lines()) == 1
