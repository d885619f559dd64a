"""The command line with URLs: parts of a list on the web, copies listed and cleared, no secrets."""

import pytest
from helpers import write_set

from deelish.cli.parts import command_of
from deelish.cli.ray_parts import _absolute
from deelish.storage.remote.address import Address
from deelish.storage.remote.copies import Copies
from deelish.storage.remote.server import look


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 8)


@pytest.fixture
def url(web, images):
    """The URL of that list, with a signature."""
    for path in images.parent.iterdir():
        if path.is_file():
            web.files[f"/set/{path.name}"] = path.read_bytes()
    return f"{web.url.replace('//', '//me:passWord@')}/set/train.txt?X-Amz-Signature=verySecret"


def test_parts_of_a_list_by_url(web, model, url, folder, ran):
    words = ["teach", model, "--images", url, "--batch-size", "4"]
    first = ran(*words, "--part", "1/2")
    line = ran("cache", "merge", code=1)[0]
    command = f"deelish teach {model} --images {web.url}/set/train.txt --batch-size 4 --part 2/2"
    assert f"make the first with `{command}`" in line
    second = ran(*words, f"--images={url}", "--part", "2/2")
    merged = ran("cache", "merge")
    for text in (*first, line, *second, *merged):
        assert "verySecret" not in text
    held = [path for path in folder.rglob("*") if path.is_file()]
    assert len(held) > 8
    for path in held:
        assert b"verySecret" not in path.read_bytes()
        assert b"passWord" not in path.read_bytes()


def test_logits_of_a_list_by_url_are_those_of_the_disk(model, images, url, ran):
    ran("teach", model, "--images", images)
    assert "8 cached before" in ran("teach", model, "--images", url)[-1]


def test_copies_are_listed_and_cleared(web, ran, folder):
    web.files["/a.txt"], web.files["/b.txt"] = b"a" * 1000, b"b" * 2000
    held = [look(Address(f"{web.url}/{name}.txt?secret")) for name in "ab"]
    first, second = Copies("first", held[:1]), Copies("second", held)
    del second
    lines = ran("cache", "list")
    assert sorted(line.split(", last used")[0] for line in lines) == [
        "copies of first: 1, 1.0 kB",
        "copies of second: 2, 3.0 kB",
    ]
    assert sorted(ran("cache", "clear", "remote")) == [
        "in use by a process, and left: copies of first: 1, 1.0 kB",
        "removed: copies of second: 2, 3.0 kB, of which 2.0 kB were used alone",
    ]
    del first
    ran("cache", "clear", "--all")
    assert not list(folder.glob("remote/??/*"))
    (line,) = ran("cache", "clear", "remote")
    assert line.startswith(f"{folder}: no copies of remote files are cached there ($DEELISH_CACHE")


def test_a_command_as_files_hold_it():
    signed = "https://me:word@host/a.txt?X-Amz-Signature=1"
    words = ["teach", "m.onnx", "--images", signed, f"--root={signed}", "--part", "1/2"]
    assert command_of(words) == (
        "deelish teach m.onnx --images https://host/a.txt --root=https://host/a.txt"
    )


def test_workers_get_urls_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["teach", "m.onnx", "--images", "s3://bucket/a.txt?x=1", "--root=s3://bucket/images"]
    assert _absolute(words, "m.onnx") == words
