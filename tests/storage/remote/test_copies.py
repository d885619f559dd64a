"""Copies of remote files: fetched once for all processes, within a room, whole or not there."""

import os
import signal
import subprocess
import sys
import time

import pytest
from clocks import with_clock
from forked import in_a_child
from full_disks import small_disk
from processes import environment

from deelish.errors import DataError, FileError, RemoteError
from deelish.storage.remote import copies as module
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import Copies, bytes_of
from deelish.storage.remote.room import copied_uses, remove_use
from deelish.storage.remote.server import look, look_at_all

FETCH = """
import signal, sys
# A shell starts what runs in its background without Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import bytes_of
print(len(bytes_of(Address(sys.argv[1]))))
"""
HOLD = """
import sys
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import look
held = Copies("a", [look(Address(sys.argv[1]))])
print(flush=True)
input()
"""


def put(web, name, size=1000):
    """A file of a letter, on the web; its URL."""
    web.files[f"/{name}"] = name[0].encode() * size
    return Address(f"{web.url}/{name}")


def copied(*addresses):
    return Copies("/".join(address.name for address in addresses), look_at_all(addresses))


def there(remote):
    return sorted(path.read_bytes()[:1].decode() for path in remote.glob("??/[0-9a-f]*"))


def test_a_file_is_fetched_once_for_all_runs(web):
    address = put(web, "a.tar")
    for _ in range(3):
        assert bytes_of(address) == b"a" * 1000
    assert web.count("GET", "/a.tar") == 1


def test_its_copy_is_the_same_under_another_signature(web):
    address = put(web, "a.tar")
    bytes_of(Address(f"{address}?X-Amz-Signature=1"))
    bytes_of(Address(f"{address}?X-Amz-Signature=2"))
    assert web.count("GET", "/a.tar") == 1


def test_a_new_version_is_fetched_beside_the_old_one(web, remote):
    address = put(web, "a.tar")
    old = copied(address)
    web.files["/a.tar"] = b"b" * 1000
    assert bytes_of(address) == b"b" * 1000
    assert old.path(address).read_bytes() == b"a" * 1000
    assert there(remote) == ["a", "b"]


def test_a_copy_that_was_cut_off_is_fetched_again(web):
    address = put(web, "a.tar")
    found = copied(address)
    found.path(address).write_bytes(b"a" * 10)
    assert bytes_of(address) == b"a" * 1000


def test_many_are_fetched_at_a_time(web):
    addresses = [put(web, f"{number}.jpg") for number in range(50)]
    found = copied(*addresses)
    assert [found.path(each).read_bytes()[:1].decode() for each in addresses] == [
        str(number)[0] for number in range(50)
    ]


def test_after_a_fork_a_child_fetches_too(web):
    first, second = put(web, "a.tar"), put(web, "b.tar")
    bytes_of(first)
    assert in_a_child(lambda: bytes_of(second)[:3].decode()) == (0, "bbb")


def test_processes_fetch_a_file_once(web):
    address = put(web, "a.tar")
    # Longer than their starts are apart.
    web.pause = 2.0
    command = [sys.executable, "-c", FETCH, address]
    started = [
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [process.communicate()[0] for process in started] == [b"1000\n"] * 3
    assert web.count("GET", "/a.tar") == 1


def test_a_killed_process_leaves_nothing_visible_and_the_next_one_fetches(web, remote):
    address = put(web, "a.tar")
    web.faults["/a.tar"] = [None, "slow"]
    process = subprocess.Popen([sys.executable, "-c", FETCH, address], env=environment())
    until = time.monotonic() + 30
    while not list(remote.glob("??/.*.part")) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert there(remote) == []
    assert bytes_of(address) == b"a" * 1000
    assert not list(remote.glob("??/.*.part"))


def test_the_least_recently_used_goes_first(web, remote, monkeypatch):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "2.5 kB")
    a, b, c = (put(web, name) for name in ("a.tar", "b.tar", "c.tar"))
    for number, address in enumerate((a, b)):
        bytes_of(address)
        for path in (remote / "uses").glob("*.use"):
            if path.read_text().startswith(address):
                os.utime(path, (number + 1, number + 1))
    assert there(remote) == ["a", "b"]
    bytes_of(a)
    bytes_of(c)
    assert there(remote) == ["a", "c"]
    assert web.count("GET", "/a.tar") == 1


def test_what_a_process_reads_does_not_go(web, remote, monkeypatch):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "2500")
    a, b, c = (put(web, name) for name in ("a.tar", "b.tar", "c.tar"))
    held = copied(a, b)
    with pytest.raises(FileError, match=r"c.tar: with these, 3.0 kB of remote files are in use"):
        bytes_of(c)
    assert there(remote) == ["a", "b"]
    held = copied(a)
    bytes_of(c)
    assert there(remote) == ["a", "c"]
    assert held.path(a).exists()


def test_another_process_holds_what_it_reads(web, remote, monkeypatch):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "1500")
    a, b = put(web, "a.tar"), put(web, "b.tar")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, a],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    with pytest.raises(FileError, match=r"may take 1.5 kB; give them more in DEELISH_REMOTE_ROOM"):
        bytes_of(b)
    process.communicate(b"\n")
    bytes_of(b)
    assert there(remote) == ["b"]


def test_files_that_no_use_names_go_first(web, remote, monkeypatch):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "2500")
    bytes_of(put(web, "a.tar"))
    (remote / "00").mkdir(exist_ok=True)
    (remote / "00" / ("0" * 40)).write_bytes(b"x" * 1000)
    bytes_of(put(web, "b.tar"))
    assert there(remote) == ["a", "b"]


def test_nothing_goes_where_all_would_not_do(web, remote, monkeypatch):
    bytes_of(put(web, "a.tar"))
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "1500")
    with pytest.raises(FileError, match=r"in use"):
        bytes_of(put(web, "b.tar", 2000))
    assert there(remote) == ["a"]


@pytest.mark.parametrize("text", ["much", "-5", "5 XB", "1e9"])
def test_a_room_that_is_none(web, monkeypatch, text):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", text)
    with pytest.raises(DataError, match=r"DEELISH_REMOTE_ROOM='.*': give bytes, such as 500 GB"):
        bytes_of(put(web, "a.tar"))


def test_a_full_disk(web, tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("DEELISH_CACHE", str(disk))
        monkeypatch.setenv("DEELISH_REMOTE_ROOM", "1 TB")
        with pytest.raises(FileError, match=r"No space left on device.*, it takes 8,000,000 bytes"):
            bytes_of(put(web, "a.tar", 8_000_000))
        assert not list(disk.glob("remote/??/*"))
        assert web.count("GET", "/a.tar") == 1
        # Without a bound of the user's, half of the disk is the most.
        monkeypatch.delenv("DEELISH_REMOTE_ROOM")
        with pytest.raises(FileError, match=r"may take 2.1 MB"):
            bytes_of(put(web, "b.tar", 3_000_000))


def test_a_folder_that_is_a_file(web, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "file"))
    with pytest.raises(FileError, match=r"cannot hold copies of remote files"):
        bytes_of(put(web, "a.tar"))


def test_the_first_error_is_the_one_that_is_raised(web):
    addresses = [put(web, f"{number}.tar") for number in range(40)]
    files = look_at_all(addresses)
    web.faults["/7.tar"] = [403] * 9
    with pytest.raises(RemoteError, match=r"/7.tar: may not be read"):
        Copies("them", files)


def test_urls_that_differ_in_their_queries_alone(web):
    address = put(web, "a.tar")
    files = [look(Address(f"{address}?id={number}")) for number in (1, 2)]
    with pytest.raises(DataError, match=r"a.tar: several URLs are this one but for what follows"):
        Copies("them", files)


@pytest.fixture
def asking(monkeypatch):
    """A clock to set, and no waiting between two questions."""
    monkeypatch.setattr(module, "INTERVAL", 60.0)
    now = [1000.0]
    monkeypatch.setattr(module, "time", with_clock(lambda: now[0]))
    return now


def test_a_server_is_asked_once_a_minute_whether_a_file_changed(web, asking):
    address = put(web, "a.tar")
    found = copied(address)
    web.requests.clear()
    for second in range(0, 240):
        asking[0] = 1000 + second
        assert not found.has_changed(address)
    assert web.requests == [("HEAD", "/a.tar")] * 3
    web.files["/a.tar"] = b"c"
    asking[0] = 1300
    assert found.has_changed(address)
    assert found.has_changed(address)


def test_of_many_files_each_is_asked_about_less_often(web, asking, monkeypatch):
    monkeypatch.setattr(module, "MOST_ASKED", 2)
    addresses = [put(web, f"{number}.tar") for number in range(8)]
    found = copied(*addresses)
    web.requests.clear()
    for second in range(0, 479):
        asking[0] = 1000 + second
        assert not any(map(found.has_changed, addresses))
    assert len(web.requests) == 8


def test_one_that_was_removed_has_changed(web, asking):
    address = put(web, "a.tar")
    found = copied(address)
    del web.files["/a.tar"]
    asking[0] += 61
    assert found.has_changed(address)


def test_a_server_that_does_not_answer_stops_no_reading(web, asking, capsys):
    addresses = [put(web, "a.tar"), put(web, "b.tar")]
    found = copied(*addresses)
    web.faults["/a.tar"], web.faults["/b.tar"] = [503] * 4, [503] * 4
    web.requests.clear()
    for second in range(60, 400):
        asking[0] = 1000 + second
        assert not any(map(found.has_changed, addresses))
    assert len(web.requests) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{addresses[0]}: answers with status 503; try again later; ")


def test_uses_are_listed_and_removed_unless_they_are_read(web, remote):
    a, b = put(web, "a.tar"), put(web, "b.tar")
    held = copied(a)
    bytes_of(b)
    both = copied(a, b)
    del both
    found = {use.title: use for use in copied_uses()}
    assert {title: (use.bytes, use.live) for title, use in found.items()} == {
        "a.tar": (1000, True),
        str(b): (1000, False),
        "a.tar/b.tar": (2000, False),
    }
    assert remove_use(found[str(b)]) == 0
    assert remove_use(found["a.tar/b.tar"]) == 1000
    assert there(remote) == ["a"]
    assert held.path(a).exists()


def test_ctrl_c_ends_soon(web):
    address = put(web, "a.tar")
    web.faults["/a.tar"] = [None, *["torn"] * 99]
    command = [sys.executable, "-c", FETCH, address]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 30
        # The second attempt follows a pause: it waits by then.
        while web.count("GET", "/a.tar") < 2 and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        try:
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert said.splitlines()[-1] == b"KeyboardInterrupt"
    assert time.monotonic() - began < 5
