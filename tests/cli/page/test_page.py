"""The page of `deelish serve`: what it shows, and whom it refuses."""

import asyncio
import concurrent.futures
import io
import json
import socket
import subprocess
import sys
import time
import urllib.parse
import zlib

import numpy as np
import pytest
import requests
from cli.page.conftest import LABELS, encoded
from cli.page.serving import served
from PIL import Image

from deelish import Deel, Network, Teacher
from deelish.cli import main
from deelish.cli.page import app, gate, predicting


def sent(page, data, attention=False, **headers):
    """A POST as the page itself makes it."""
    address = f"{page}/api/predict{'?attention=1' if attention else ''}"
    return requests.post(address, data, headers={"Origin": page, **headers}, timeout=30)


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Tests ask more often than a person does."""
    monkeypatch.setattr(gate, "BURST", 1e6)
    monkeypatch.setattr(gate, "RATE", 1e6)


# What it shows


def test_both_networks_predict_as_they_do_in_a_script(page, files, picture):
    response = sent(page, picture).json()
    pixels = np.asarray(Image.open(io.BytesIO(picture)))
    with Deel(seed=1):
        networks = [Network.load(files[0]), Teacher(files[1])]
        expected = [network.batch_feature(pixels).top()[0] for network in networks]
    for found, top, file in zip(response["networks"], expected, files, strict=True):
        assert [label for label, _ in found["top"]] == [label for label, _ in top]
        shares = [share for _, share in found["top"]]
        assert shares == pytest.approx([share for _, share in top], abs=2e-3)
        assert (found["name"], found["file_bytes"]) == (file.name, file.stat().st_size)
        assert 0 < found["milliseconds"] < 10_000
        assert found["attention"] is None


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF"])
def test_other_kinds_of_files_are_read_too(page, kind):
    response = sent(page, encoded(kind))
    assert response.status_code == 200
    assert len(response.json()["networks"]) == 2


def test_attention_is_a_picture_or_a_reason(page, picture):
    first, second = sent(page, picture, attention=True).json()["networks"]
    assert first["attention"].startswith("data:image/jpeg;base64,")
    assert second["attention"] is None
    assert "a model of ONNX has no gradients" in second["why_not"]


def test_the_page_and_its_files_come_with_a_policy(page):
    for path, kind in (("/", "html"), ("/page.css", "css"), ("/page.js", "javascript")):
        response = requests.get(page + path, timeout=10)
        assert response.status_code == 200
        assert kind in response.headers["content-type"]
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "http" not in response.text.replace("http://www.w3.org", "").replace(
            "http://127.0.0.1", ""
        )
    assert requests.get(f"{page}/../setup.py", timeout=10).status_code == 404
    assert requests.get(f"{page}/api/training", timeout=10).status_code == 404


def test_a_training_is_shown_from_its_log(files, tmp_path):
    (tmp_path / "history.csv").write_text("epoch,loss,val_loss\n1,0.5,nan\n2,0.25,0.3\n")
    (tmp_path / "run.json").write_text(json.dumps({"state": "running", "epochs": 3}))
    with served(files[:1], log=tmp_path) as page:
        found = requests.get(f"{page}/api/training", timeout=10).json()
        assert requests.get(f"{page}/api/about", timeout=10).json()["log"] is True
    assert found["rows"] == [
        {"epoch": 1.0, "loss": 0.5, "val_loss": None},
        {"epoch": 2.0, "loss": 0.25, "val_loss": 0.3},
    ]
    assert found["settings"]["state"] == "running"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("history.csv", "epoch,loss\n1,0.5\n2,low\n", "history.csv line 3: has other fields"),
        ("history.csv", "epoch,loss\n1\n", "a number for each of epoch, loss"),
        ("history.csv", "epoch,loss\n1,2,3\n", "history.csv line 2: has other fields"),
        ("run.json", "{", "run.json: holds no JSON; remove it"),
    ],
)
def test_a_log_that_a_person_has_changed_is_one_sentence(files, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with served(files[:1], log=tmp_path) as page:
        found = requests.get(f"{page}/api/training", timeout=10)
        assert found.status_code == 422
        assert words in found.text
        assert requests.get(f"{page}/api/about", timeout=10).status_code == 200


# Whom it refuses


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 400), ("evil.example:{port}", 400), ("", 400), ("localhost:{port}", 200)],
)
def test_only_this_machines_names_lead_here(page, host, status):
    """A site whose name leads to 127.0.0.1 reads nothing (DNS rebinding)."""
    port = urllib.parse.urlsplit(page).port
    headers = {"Host": host.format(port=port)}
    assert requests.get(f"{page}/api/about", headers=headers, timeout=10).status_code == status


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1:1"])
def test_other_sites_may_send_nothing(page, picture, origin):
    headers = {} if origin is None else {"Origin": origin}
    response = requests.post(f"{page}/api/predict", picture, headers=headers, timeout=10)
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_who_is_refused_reads_why(page):
    """An answer that is sent while a body is still coming would be lost with its connection."""
    address = urllib.parse.urlsplit(page)
    head = f"POST /api/predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 100000\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode())
        for _ in range(2):
            time.sleep(0.2)
            connection.sendall(bytes(50_000))
        time.sleep(0.2)
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_refused_body_that_never_ends_is_read_up_to_its_limit():
    read, said = [], []

    async def receive():
        read.append(bytes(1_000_000))
        assert sum(map(len, read)) <= gate.MOST_BYTES + 1_000_000
        return {"type": "http.request", "body": read[-1], "more_body": True}

    async def send(message):
        said.append(message)

    scope = {"type": "http", "method": "POST", "headers": [(b"host", b"localhost")]}
    asyncio.run(gate.Gate(None, ["localhost"])(scope, receive, send))
    assert said[0]["status"] == 403


def bomb():
    """A PNG file of 900 million pixels in a few kilobytes."""

    def chunk(kind, data):
        return (
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        )

    header = (30_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    data = zlib.compress(bytes(1000))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


HOSTILE = {
    "nothing": b"",
    "text": b"<script>alert(1)</script>",
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a cut JPEG": encoded()[:300],
    "a JPEG header": b"\xff\xd8\xff\xe0" + b"\0" * 50,
    "a PNG of 900 million pixels": bomb(),
    "a zip": b"PK\x03\x04" + bytes(200),
    "zeros": bytes(100_000),
    "a PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
    "a TIFF": encoded("TIFF"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_one_sentence(page, name):
    response = sent(page, HOSTILE[name])
    assert response.status_code == 415
    assert "Traceback" not in response.text
    assert response.text.count("\n") == 0
    assert response.headers["content-type"].startswith("text/plain")


def test_a_body_beyond_the_limit_is_refused_by_its_length(page):
    response = sent(page, b"", **{"Content-Length": str(gate.MOST_BYTES + 1)})
    assert response.status_code == 413


def test_a_body_that_does_not_state_its_length_is_counted(page):
    def parts():
        for _ in range(20):
            yield bytes(1_000_000)

    try:
        status = sent(page, parts()).status_code
    except requests.ConnectionError:  # closed while it was sent
        status = 413
    assert status == 413
    assert requests.get(f"{page}/api/about", timeout=10).status_code == 200


def test_200_requests_at_once_are_served_or_refused(page, picture):
    with concurrent.futures.ThreadPoolExecutor(50) as threads:
        statuses = list(threads.map(lambda _: sent(page, picture).status_code, range(200)))
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 8
    assert sent(page, picture).status_code == 200


def test_pictures_that_would_wait_long_are_refused(page, picture, monkeypatch):
    looked = predicting.ServedNetworks.of

    def slow_look(self, data, *, attention):
        time.sleep(0.2)
        return looked(self, data, attention=attention)

    monkeypatch.setattr(app, "MOST_WAITING", 2)
    monkeypatch.setattr(predicting.ServedNetworks, "of", slow_look)
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        statuses = list(threads.map(lambda _: sent(page, picture).status_code, range(10)))
    assert statuses.count(200) >= 2
    assert statuses.count(503) >= 4


def test_too_many_requests_are_slowed_down(files, monkeypatch):
    monkeypatch.setattr(gate, "BURST", 5)
    monkeypatch.setattr(gate, "RATE", 2)
    with served(files[:1]) as page:
        statuses = [requests.get(f"{page}/page.css", timeout=10).status_code for _ in range(12)]
        assert statuses[:5] == [200] * 5
        assert 429 in statuses
        time.sleep(1.5)
        assert requests.get(f"{page}/page.css", timeout=10).status_code == 200


def test_a_page_for_all_machines_has_any_name_but_to_no_other_site(files, picture):
    with served(files[:1], hosts=None) as page:
        headers = {"Host": "192.168.0.7:8000"}
        assert requests.get(f"{page}/", headers=headers, timeout=10).status_code == 200
        headers["Origin"] = "http://evil.example"
        response = requests.post(f"{page}/api/predict", picture, headers=headers, timeout=10)
        assert response.status_code == 403


# The command


def test_the_command_prints_its_address_and_ends_with_ctrl_c(files):
    command = [sys.executable, "-u", "-m", "deelish", "serve", *map(str, files), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if line.startswith("open "):
                break
        address = line.split()[1].rstrip("/")
        assert address.startswith("http://127.0.0.1:")
        assert requests.get(f"{address}/api/about", timeout=10).json()["log"] is False
        child.send_signal(2)
        child.wait(20)


def test_what_cannot_be_served_is_one_sentence(files, tmp_path, capsys):
    with Deel(seed=1), socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, sentence in (
            ([str(files[0]), "--port", port], f"cannot listen on 127.0.0.1:{port}"),
            ([str(files[0]), "--port", "99999"], "--port 99999: ports are 1 to 65535, and 0 takes"),
            ([str(tmp_path / "none.hdf5"), "--port", "0"], "none.hdf5: no such file"),
            ([str(files[0]), "--log", str(tmp_path / "no")], "there is no such folder; give that"),
        ):
            assert main(["serve", *arguments]) == 1
            error = capsys.readouterr().err
            assert sentence in error
            assert error.count("\n") == 1


def test_labels_are_shown_as_they_are(page, picture):
    labels = {label for label, _ in sent(page, picture).json()["networks"][0]["top"]}
    assert labels == set(LABELS)
