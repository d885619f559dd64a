"""A web server that fails on demand, and a bucket of S3 on a server of moto."""

import gzip
import hashlib
import http.server
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict

import pytest

SECRET = "aVerySecretKey0123456789"


class Web:
    """Files by their paths, on a port of this machine.

    files: bytes by path.  faults: what the next requests of a path get instead: a status, "torn",
    "short", "long" or "slow"; None for what is right.  requests: (method, path) of each.
    bare: whether it sends no ETag.  packs: whether it sends gzip to those who take it.
    pause: seconds before each body.
    """

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.files, self.faults, self.requests = {}, defaultdict(list), []
        self.bare, self.packs, self.pause = False, False, 0.0

    def count(self, method, path):
        return self.requests.count((method, path))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(False)

    def do_GET(self):
        self._answer(True)

    def _answer(self, with_body):
        path = self.path.partition("?")[0]
        web = self.web
        web.requests.append((self.command, path))
        fault = web.faults[path].pop(0) if web.faults[path] else None
        if isinstance(fault, int):
            return self._status(fault)
        if path.endswith("/"):
            names = [n for n in web.files if n.startswith(path) and "/" not in n[len(path) :]]
            page = "".join(f'<a href="{name[len(path) :]}">x</a>' for name in names)
            return self._send(page.encode(), with_body, None, "text/html")
        if path not in web.files:
            return self._status(404)
        if fault == "slow":
            time.sleep(1.5)
        data = web.files[path]
        other = {"short": data[:-1], "long": data * 100}
        return self._send(other.get(fault, data), with_body, fault)

    def _status(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data, with_body, fault, kind="application/octet-stream"):
        self.send_response(200)
        if self.web.packs and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", kind)
        if not self.web.bare:
            self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        self.end_headers()
        if with_body:
            time.sleep(self.web.pause)
            torn = fault == "torn"
            self.wfile.write(data[: len(data) // 2] if torn else data)
            self.close_connection = torn


class Server(http.server.ThreadingHTTPServer):
    """One of which clients may go away."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


@pytest.fixture
def remote(monkeypatch, tmp_path):
    """The packages of deelish[remote], a cache of its own, and pauses of no length."""
    for name in ("fsspec", "aiohttp"):
        pytest.importorskip(name, reason="deelish[remote] is not installed")
    from fsspec.implementations.http import HTTPFileSystem

    from deelish.storage.remote import retrying

    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
    retrying._answered.clear()
    HTTPFileSystem.clear_instance_cache()
    yield tmp_path / "cache" / "remote"
    # One that a test has changed must not be met again.
    HTTPFileSystem.clear_instance_cache()


@pytest.fixture
def web(remote):
    """A web server that fails on demand."""
    server = Server(("127.0.0.1", 0), Handler)
    found = Web(server.server_address[1])
    server.RequestHandlerClass = type("Bound", (Handler,), {"web": found})
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture(scope="session")
def s3_server():
    """The URL of a server of S3, which moto is."""
    for name in ("moto", "s3fs", "flask_cors"):
        pytest.importorskip(name, reason="moto[s3], flask-cors or s3fs is not installed")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(10)


@pytest.fixture
def bucket(remote, s3_server, monkeypatch):
    """A file system of S3, with an empty bucket named `bucket`; scripts find it by themselves."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "aKeyName")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    system = s3fs.S3FileSystem(use_listings_cache=False)
    system.mkdir("bucket")
    yield system
    system.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()
