"""Model files: found in the search folders, fetched from a server, refused in one sentence."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deelish.errors import FileError
from deelish.network.pretrained import Weights, fetch, find_model, search_folders

CONTENT = bytes(range(256)) * 1000


@dataclass
class Site:
    """A server on this machine: the file at each path, and the requests that came."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    # Bytes that it promises and does not send.
    missing: int = 0


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(files={"/net.caffemodel": CONTENT})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            body = site.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"") + site.missing))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def weights(site: Site) -> Weights:
    checksum = f"sha1:{hashlib.sha1(CONTENT).hexdigest()}"
    return Weights("net", "net.caffemodel", f"{site.address}/net.caffemodel", checksum, "none", "")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A working folder, $DEELISH_MODELS and a cache, all empty."""
    found = {name: tmp_path / name for name in ("work", "models", "cache")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.chdir(found["work"])
    monkeypatch.setenv("DEELISH_MODELS", str(found["models"]))
    monkeypatch.setattr("deelish.network.pretrained._cache_folder", lambda: found["cache"])
    return found


def test_search_folders_in_their_order(folders: dict[str, Path]) -> None:
    assert search_folders() == [folders["work"], folders["models"], folders["cache"]]


@pytest.mark.parametrize("value", ["", None])
def test_search_folders_without_the_variable(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("DEELISH_MODELS")
    else:
        monkeypatch.setenv("DEELISH_MODELS", value)
    assert search_folders() == [folders["work"], folders["cache"]]


def test_the_cache_is_a_folder_of_the_user() -> None:
    assert search_folders()[-1].is_absolute()
    assert "deelish" in search_folders()[-1].parts


@pytest.mark.parametrize("folder", ["work", "models", "cache"])
@pytest.mark.parametrize("asked", ["net.caffemodel", "misc/net.caffemodel"])
def test_find_by_name(folders: dict[str, Path], folder: str, asked: str) -> None:
    (folders[folder] / "net.caffemodel").write_bytes(b"x")
    assert find_model(asked).resolve() == folders[folder] / "net.caffemodel"


def test_find_takes_what_exists_as_given_first(folders: dict[str, Path]) -> None:
    own = folders["work"] / "misc" / "net.caffemodel"
    own.parent.mkdir()
    for path in (own, folders["models"] / "net.caffemodel"):
        path.write_bytes(b"x")
    assert find_model("misc/net.caffemodel") == Path("misc/net.caffemodel")
    assert find_model(own) == own


def test_find_names_the_searched_folders_and_the_command(
    folders: dict[str, Path], weights: Weights
) -> None:
    searched = ", ".join(map(str, folders.values()))
    with pytest.raises(FileError) as caught:
        find_model("misc/net.caffemodel", weights)
    assert str(caught.value) == (
        f"misc/net.caffemodel: no such file; looked in {searched}; "
        "get it with `deelish fetch net`, or give the path of the file"
    )


def test_find_promises_no_other_file(folders: dict[str, Path], weights: Weights) -> None:
    with pytest.raises(FileError, match=r"own\.hdf5: .*; give the path of the file$"):
        find_model("own.hdf5", weights)


def test_find_searches_no_folder_for_an_absolute_path(folders: dict[str, Path]) -> None:
    (folders["models"] / "net.caffemodel").write_bytes(b"x")
    absent = folders["work"] / "net.caffemodel"
    with pytest.raises(
        FileError, match=rf"net\.caffemodel: no such file; looked in {folders['work']}; give"
    ):
        find_model(absent)


def test_find_refuses_a_folder(folders: dict[str, Path]) -> None:
    with pytest.raises(FileError, match=r"models is a folder; give the path of a model file"):
        find_model(folders["models"])


def test_find_refuses_a_device() -> None:
    if not Path("/dev/null").is_char_device():
        pytest.skip("this system has no /dev/null")
    with pytest.raises(FileError, match="/dev/null is no ordinary file"):
        find_model("/dev/null")


def test_fetch_goes_to_the_named_folder_and_find_finds_it(
    folders: dict[str, Path], weights: Weights
) -> None:
    path = fetch(weights)
    assert path == folders["models"] / "net.caffemodel"
    assert path.read_bytes() == CONTENT
    assert find_model("net.caffemodel", weights) == path


def test_fetch_goes_to_the_cache(
    folders: dict[str, Path], weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEELISH_MODELS")
    assert fetch(weights) == folders["cache"] / "net.caffemodel"


def test_fetch_makes_the_folder(tmp_path: Path, weights: Weights) -> None:
    assert fetch(weights, tmp_path / "new" / "folder").read_bytes() == CONTENT


def test_fetch_downloads_once(tmp_path: Path, site: Site, weights: Weights) -> None:
    first, second = fetch(weights, tmp_path), fetch(weights, tmp_path)
    assert first == second
    assert site.asked == ["/net.caffemodel"]


def test_fetch_replaces_a_file_with_a_wrong_checksum(tmp_path: Path, weights: Weights) -> None:
    (tmp_path / "net.caffemodel").write_bytes(CONTENT[:1000])
    assert fetch(weights, tmp_path).read_bytes() == CONTENT


def test_fetch_from_another_address(tmp_path: Path, site: Site, weights: Weights) -> None:
    site.files = {"/mirror/file": CONTENT}
    path = fetch(weights, tmp_path, f"{site.address}/mirror/file")
    assert path == tmp_path / "net.caffemodel"
    assert site.asked == ["/mirror/file"]


def refused(weights: Weights, folder: Path, address: str | None = None) -> str:
    """The one line that fetch ends with; nothing but what was there is left in the folder."""
    before = {path: path.read_bytes() for path in folder.glob("*")}
    with pytest.raises(FileError) as caught:
        fetch(weights, folder, address)
    assert {path: path.read_bytes() for path in folder.glob("*")} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("present", [b"", b"an old file"])
def test_fetch_refuses_another_file(
    tmp_path: Path, site: Site, weights: Weights, present: bytes
) -> None:
    if present:
        (tmp_path / "net.caffemodel").write_bytes(present)
    site.files["/net.caffemodel"] = b"<html>sorry</html>"
    assert refused(weights, tmp_path) == (
        f"net.caffemodel: {weights.address} sent another file, whose checksum is not "
        f"{weights.checksum}; try again, or name another address: "
        "`deelish fetch net --from ADDRESS`"
    )


def test_fetch_refuses_a_page_that_is_not_there(tmp_path: Path, weights: Weights) -> None:
    message = refused(weights, tmp_path, f"{weights.address}x")
    assert re.search(r"net\.caffemodelx gave 404 Not Found; try again, or name", message)


def test_fetch_refuses_a_part_of_the_file(tmp_path: Path, site: Site, weights: Weights) -> None:
    site.missing = 5
    assert "gave only a part of the file; try again" in refused(weights, tmp_path)


def test_fetch_without_a_connection(tmp_path: Path, weights: Weights) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/net.caffemodel"
        message = refused(weights, tmp_path, address)
    assert f"{address} gave no connection; try again" in message


@pytest.mark.parametrize("address", ["net.caffemodel", "ftp://127.0.0.1/net", "file:///etc/hosts"])
def test_fetch_refuses_other_addresses_than_http(
    tmp_path: Path, weights: Weights, address: str
) -> None:
    assert f"{address!r} is no http or https address" in refused(weights, tmp_path, address)


def test_fetch_refuses_an_impossible_address(tmp_path: Path, weights: Weights) -> None:
    assert "http://[ gave an error (" in refused(weights, tmp_path, "http://[")


def test_fetch_into_a_file(tmp_path: Path, weights: Weights) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(
        FileError,
        match=r"cannot be written into .*taken \(Not a directory\); "
        r"name another folder: `deelish fetch net --to FOLDER`",
    ):
        fetch(weights, tmp_path / "taken")


PAGE = "gist.example/nobody/net"


def test_fetch_without_a_certain_address_names_who_publishes_the_file(tmp_path: Path) -> None:
    weights = Weights("net", "net.caffemodel", project=PAGE)
    assert refused(weights, tmp_path) == (
        f"net.caffemodel: no certain address is known; get it from {PAGE} and put it into"
        f" {tmp_path}, or name an address: `deelish fetch net --from ADDRESS`"
    )


def test_find_names_who_publishes_the_file(folders: dict[str, Path]) -> None:
    weights = Weights("net", "net.caffemodel", project=PAGE)
    with pytest.raises(FileError, match=f"; get it from {PAGE}, or give the path of the file$"):
        find_model("net.caffemodel", weights)


def test_fetch_without_an_address_takes_a_file_that_is_there(tmp_path: Path) -> None:
    checksum = f"sha1:{hashlib.sha1(CONTENT).hexdigest()}"
    weights = Weights("net", "net.caffemodel", checksum=checksum, project=PAGE)
    (tmp_path / "net.caffemodel").write_bytes(b"another file")
    assert "no certain address" in refused(weights, tmp_path)
    (tmp_path / "net.caffemodel").write_bytes(CONTENT)
    assert fetch(weights, tmp_path) == tmp_path / "net.caffemodel"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384"])
def test_fetch_checks_the_file_of_a_named_address(
    tmp_path: Path, site: Site, algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checksum = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    weights = Weights("net", "net.caffemodel", checksum=checksum, project=PAGE)
    address = f"{site.address}/net.caffemodel"
    assert fetch(weights, tmp_path, address).read_bytes() == CONTENT
    assert capsys.readouterr().out == ""
    (tmp_path / "net.caffemodel").unlink()
    site.files["/net.caffemodel"] = CONTENT[1:]
    assert f"sent another file, whose checksum is not {checksum}" in refused(
        weights, tmp_path, address
    )


def test_fetch_reports_that_a_checksum_is_not_known(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = Weights("net", "net.caffemodel", f"{site.address}/net.caffemodel")
    for _ in range(2):
        assert fetch(weights, tmp_path).read_bytes() == CONTENT
        assert capsys.readouterr().out == (
            "net.caffemodel: its checksum is not known, so it was not checked\n"
        )
    assert site.asked == ["/net.caffemodel"]


def test_fetch_takes_no_web_page_for_a_file(tmp_path: Path, site: Site) -> None:
    site.files["/net.caffemodel"] = b"\n<!DOCTYPE html><title>Sign in</title>"
    weights = Weights("net", "net.caffemodel", f"{site.address}/net.caffemodel")
    assert refused(weights, tmp_path) == (
        f"net.caffemodel: {weights.address} sent a web page, not the file; try again, or name"
        " another address: `deelish fetch net --from ADDRESS`"
    )
