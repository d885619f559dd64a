"""Files in a bucket of S3, on a server of moto: found, copied, refused, without any secret left."""

import subprocess
import sys
import time

import pytest
from processes import environment
from remote_servers import SECRET, free_port

from deelish.errors import RemoteError
from deelish.storage.remote import retrying
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import Copies, bytes_of
from deelish.storage.remote.server import first_bytes, look, look_at_all, names_in

A = Address("s3://bucket/folder/a.tar")


@pytest.fixture
def filled(bucket):
    bucket.pipe("bucket/folder/a.tar", b"a" * 5000)
    bucket.pipe("bucket/folder/b.tar", b"b" * 5000)
    bucket.pipe("bucket/folder/below/c.tar", b"c" * 5000)
    return bucket


def test_a_file_is_found_and_copied(filled):
    assert look(A).size == 5000
    assert bytes_of(A) == b"a" * 5000
    assert first_bytes(A, 7) == b"a" * 7
    assert names_in(Address("s3://bucket/folder/")) == ["a.tar", "b.tar"]


def test_a_file_that_is_fetched_in_pieces(filled):
    data = bytes(range(250)) * 220_000
    filled.pipe("bucket/large.tar", data)
    assert bytes_of(Address("s3://bucket/large.tar")) == data


def test_a_change_of_equal_size_is_noticed(filled, monkeypatch):
    monkeypatch.setattr("deelish.storage.remote.copies.INTERVAL", 0.0)
    found = Copies("a", look_at_all([A]))
    assert not found.has_changed(A)
    filled.pipe("bucket/folder/a.tar", b"x" * 5000)
    assert found.has_changed(A)
    assert bytes_of(A) == b"x" * 5000


@pytest.mark.parametrize(
    "url", ["s3://bucket/none.tar", "s3://bucket/folder", "s3://nobucket/a.tar", "s3://bucket"]
)
def test_what_is_not_there(filled, url):
    assert look(Address(url)) is None


def test_a_name_that_no_bucket_has(filled):
    with pytest.raises(RemoteError, match=r"is no URL that its library can use; correct it"):
        look(Address("s3://a bucket!/a.tar"))


def test_a_folder_that_is_not_there(filled):
    with pytest.raises(RemoteError, match=r"^s3://bucket/nothing/: is not there; correct the URL"):
        names_in(Address("s3://bucket/nothing/"))


def test_a_server_that_is_not_there(filled, monkeypatch):
    type(filled).clear_instance_cache()
    retrying._answered.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"cannot be reached .*AWS_ENDPOINT_URL"):
        look(A)
    assert time.monotonic() - began < 10


def test_no_credentials(filled, monkeypatch, tmp_path):
    type(filled).clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(RemoteError, match=r"needs credentials, and none were found; set those of"):
        look(A)


def test_no_text_and_no_file_has_the_secret(filled, remote, tmp_path):
    """Messages, logs of deelish at DEBUG, the whole cache folder, and what is pickled."""
    script = tmp_path / "script.py"
    script.write_text(
        "import logging, pickle\n"
        "logging.basicConfig()\n"
        "logging.getLogger('deelish').setLevel(logging.DEBUG)\n"
        "from deelish.storage.remote.address import Address\n"
        "from deelish.storage.remote.copies import *\n"
        "from deelish.storage.remote.server import *\n"
        f"a = Address({str(A)!r})\n"
        "files = look_at_all([a])\n"
        "copies = Copies(a, files)\n"
        "print(files, copies.__dict__, pickle.dumps(files))\n"
        f"for url in ('s3://aKey:{SECRET}@bucket/x', 's3://bucket/x?sig={SECRET}'):\n"
        "    try: bytes_of(Address(url))\n"
        "    except Exception as error: print(repr(error))\n"
    )
    made = subprocess.run(
        [sys.executable, script], env=environment(), capture_output=True, text=True, check=True
    )
    assert "a.tar" in made.stdout
    assert SECRET not in made.stdout + made.stderr
    files = [path for path in remote.parent.rglob("*") if path.is_file()]
    assert len(files) > 2
    for path in files:
        assert SECRET.encode() not in path.read_bytes()
        assert "aKeyName" not in path.name
