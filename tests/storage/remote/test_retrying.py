"""Faults of a server: which are tried again, after which pauses, and for how long."""

import threading
import time
import traceback

import pytest
from clocks import with_clock
from remote_servers import free_port

from deelish.errors import DataError, FileError, MissingPackageError, RemoteError
from deelish.storage.remote import retrying, systems
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import bytes_of
from deelish.storage.remote.faults import Fault
from deelish.storage.remote.retrying import FailedError, Progress, tried
from deelish.storage.remote.server import look

SIGNED = "/a.txt?X-Amz-Signature=verySecret"


@pytest.fixture
def address(web):
    web.files["/a.txt"] = bytes(range(256)) * 400
    return Address(web.url.replace("//", "//me:password@") + SIGNED)


@pytest.mark.parametrize("fault", [503, 500, 429, 408])
def test_a_server_that_is_busy_is_asked_again(web, address, fault):
    # Two for each look: fsspec asks by HEAD, then by GET.
    web.faults["/a.txt"] = [fault] * 4
    assert bytes_of(address) == web.files["/a.txt"]


@pytest.mark.parametrize("fault", ["torn", "short", 503, 502])
def test_a_read_that_fails_is_tried_again(web, address, fault):
    web.faults["/a.txt"] = [None, fault, fault]
    assert bytes_of(address) == web.files["/a.txt"]
    assert web.count("GET", "/a.txt") == 3


def test_a_server_that_sends_nothing_for_long_is_asked_again(web, address, monkeypatch):
    monkeypatch.setattr(systems, "READ", 0.2)
    web.faults["/a.txt"] = [None, "slow"]
    began = time.monotonic()
    assert bytes_of(address) == web.files["/a.txt"]
    assert time.monotonic() - began < 1.4


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "may not be read with these credentials; check those in the environment"),
        (401, "may not be read with these credentials; check those in the environment"),
        (400, "answers with status 400; correct the URL"),
    ],
)
def test_what_no_second_request_would_mend(web, address, status, sentence):
    web.faults["/a.txt"] = [status] * 9
    with pytest.raises(RemoteError) as caught:
        look(address)
    assert str(caught.value).startswith(f"{web.url}/a.txt: {sentence}")
    assert len(web.requests) == 2


def test_a_file_that_is_not_there_is_asked_for_once(web, address):
    del web.files["/a.txt"]
    assert look(address) is None
    assert len(web.requests) == 2


def test_one_that_keeps_failing_ends_with_a_sentence(web, address, monkeypatch):
    monkeypatch.setattr(retrying, "PATIENCE", 0.05)
    web.faults["/a.txt"] = [503] * 99
    with pytest.raises(RemoteError, match=r"a.txt: answers with status 503 \(tried \d+ times\)"):
        look(address)


def test_no_server_is_known_soon(remote):
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"cannot be reached") as caught:
        look(Address(f"http://127.0.0.1:{free_port()}{SIGNED}"))
    assert time.monotonic() - began < retrying.PATIENCE_WITH_UNKNOWN + 2
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, FileError)


class Clock(threading.Event):
    """An event whose waits take no time, and are remembered."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.pauses, self.now = [], 0.0
        monkeypatch.setattr(retrying, "time", with_clock(lambda: self.now))

    def wait(self, timeout=None):
        self.pauses.append(timeout)
        self.now += timeout
        return False


def failing(clock, seconds=0.0, progress=None, answered=True):
    def attempt():
        clock.now += seconds
        if progress is not None:
            progress.add(1)
        raise FailedError(Fault("is busy", "wait", passes=True, answered=answered))

    return attempt


def test_pauses_double_with_chance_and_end_after_thirty_seconds(monkeypatch):
    retrying._answered.clear()
    clock = Clock(monkeypatch)
    with pytest.raises(RemoteError, match=r"is busy"):
        tried(Address("http://host/a"), failing(clock), Progress(stopped=clock))
    longest = [min(8.0, 0.25 * 2**number) for number in range(len(clock.pauses))]
    assert len(clock.pauses) >= 7
    for pause, most in zip(clock.pauses, longest, strict=True):
        assert most / 2 <= pause <= most
    assert len(set(clock.pauses)) == len(clock.pauses)
    assert 16 < clock.now <= 30


@pytest.mark.parametrize(("answered", "most"), [(True, 30), (False, 5)])
def test_attempts_without_a_byte_count_as_waiting(monkeypatch, answered, most):
    retrying._answered.clear()
    clock = Clock(monkeypatch)
    attempt = failing(clock, 4.0, answered=answered)
    with pytest.raises(RemoteError):
        tried(Address("http://host/a"), attempt, Progress(stopped=clock))
    assert most - 8 < clock.now <= most + 4


def test_a_long_read_that_breaks_off_is_tried_again(monkeypatch):
    clock = Clock(monkeypatch)
    progress = Progress(stopped=clock)
    with pytest.raises(RemoteError):
        tried(Address("http://host/a"), failing(clock, 1000.0, progress), progress)
    assert clock.now > 5000


def test_a_server_that_packs_what_it_sends(web, address):
    web.packs = True
    assert bytes_of(address) == web.files["/a.txt"]


def test_what_stops_ends_all_attempts(web, address):
    web.faults["/a.txt"] = [503] * 99
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(RemoteError, match=r"was not read to its end"):
        look(address, Progress(stopped=stopped))
    assert len(web.requests) == 2


def test_a_change_during_the_read_is_noticed(web, address, monkeypatch):
    found = look(address)
    web.files["/a.txt"] = bytes(len(web.files["/a.txt"]))
    monkeypatch.setattr("deelish.storage.remote.copies.look", lambda _: found)
    with pytest.raises(RemoteError, match=r"a.txt: was changed while it was read; start again"):
        bytes_of(address)


def test_no_more_is_written_than_the_server_has_announced(web, address, remote):
    web.faults["/a.txt"] = [None, "long"]
    with pytest.raises(RemoteError, match=r"a.txt: was changed while it was read; start again"):
        bytes_of(address)
    assert not list(remote.glob("??/*"))


def test_a_server_without_etags_and_dates_is_refused(web, address):
    web.bare = True
    with pytest.raises(RemoteError, match=r"has neither an ETag nor a date"):
        look(address)


def test_a_library_gets_host_and_user_from_the_url(remote, monkeypatch):
    from fsspec.implementations import ftp

    seen = []

    def opened(self, host, **options):
        seen.append((host, options["username"], options["password"]))
        raise ConnectionRefusedError

    monkeypatch.setattr(ftp.FTPFileSystem, "__init__", opened)
    monkeypatch.setattr(ftp.FTPFileSystem, "__del__", lambda self: None)
    with pytest.raises(RemoteError, match=r"^ftp://host/a: cannot be reached .* the network$"):
        look(Address("ftp://me:secret@host/a"))
    assert set(seen) == {("host", "me", "secret")}


def test_a_mistake_of_a_library_is_not_repeated(web, address, monkeypatch):
    from fsspec.implementations.http import HTTPFileSystem

    calls = []

    async def info(*_):
        calls.append(1)
        raise TypeError(SIGNED)

    monkeypatch.setattr(HTTPFileSystem, "_info", info)
    with pytest.raises(RemoteError, match=r"a.txt: cannot be read \(TypeError\); try again later"):
        look(address)
    assert calls == [1]


def test_a_scheme_that_is_not_known(remote):
    with pytest.raises(DataError, match=r"^bogus://a/b: bogus:// is no kind of storage"):
        look(Address("bogus://a/b?secret"))


def test_a_package_that_is_missing_is_named(remote, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingPackageError, match=r'pip install "deelish\[remote\]"'):
        look(Address("s3://bucket/a"))


@pytest.mark.parametrize("faults", [[403] * 9, [503] * 99, [None, 404], [None, *["torn"] * 50]])
def test_no_error_and_none_behind_it_shows_a_secret(web, address, monkeypatch, faults):
    monkeypatch.setattr(retrying, "PATIENCE", 0.01)
    web.faults["/a.txt"] = faults
    with pytest.raises(RemoteError) as caught:
        bytes_of(address)
    shown, behind = "".join(traceback.format_exception(caught.value)), caught.value
    while behind is not None:
        shown += f"{behind!r} {behind}"
        behind = behind.__cause__ or behind.__context__
    assert "verySecret" not in shown
    assert "password" not in shown
