"""URLs: their text has no secret, and names are found below them."""

import pickle
from pathlib import Path

import pytest

from deelish.errors import DataError
from deelish.storage.remote.address import Address, addressed

SIGNED = "https://me:word@host.org:8000/a/data-7.tar?X-Amz-Signature=0123#part"


def test_its_text_has_no_user_password_query_or_fragment():
    address = Address(SIGNED)
    texts = [
        str(address),
        repr(address),
        f"{address}",
        address.server,
        address.parent,
        address.name,
    ]
    assert texts[0] == "https://host.org:8000/a/data-7.tar"
    for text in texts:
        assert not any(secret in text for secret in ("me:", "word", "0123", "part", "?"))
    assert address.full == SIGNED


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("s3://key:secret@bucket/a.tar", "s3://bucket/a.tar"),
        ("abfs://box/a.tar?sv=1&sig=abc", "abfs://box/a.tar"),
        # Names in a bucket may have these characters.
        ("s3://bucket/what?/a#1.tar", "s3://bucket/what?/a#1.tar"),
        ("s3://bucket/me@home.jpg", "s3://bucket/me@home.jpg"),
        ("S3://bucket", "s3://bucket/"),
    ],
)
def test_what_is_a_query_or_a_user(url, text):
    assert Address(url) == text


@pytest.mark.parametrize(
    ("folder", "name", "found"),
    [
        ("s3://bucket/a", "b/c d#.jpg", "s3://bucket/a/b/c d#.jpg"),
        ("s3://bucket/a/", "../c.jpg", "s3://bucket/c.jpg"),
        ("s3://bucket", "../../other/c.jpg", "s3://bucket/other/c.jpg"),
        ("https://u:p@host/a?token=1", "b c.jpg", "https://u:p@host/a/b%20c.jpg?token=1"),
        ("https://host/", "what?#.jpg", "https://host/what%3F%23.jpg"),
    ],
)
def test_a_name_below_a_folder(folder, name, found):
    assert Address(folder).joined(name).full == found


def test_the_folder_of_a_list():
    assert Address("https://u:p@host/a/train.txt?t=1").parent.full == "https://u:p@host/a?t=1"
    assert Address("s3://bucket/train.txt").parent == "s3://bucket/"


@pytest.mark.parametrize("place", ["train.txt", "C:/data/train.txt", "C://data", Path("a/b"), None])
def test_a_path_is_no_url(place):
    assert addressed(place) is place


@pytest.mark.parametrize("url", ["https:///a?secret", "s3://", "https://[a/b?secret"])
def test_a_url_without_a_server(url):
    with pytest.raises(DataError, match=r"\.\.\.: the URL names no server or bucket") as caught:
        addressed(url)
    assert "secret" not in str(caught.value)


def test_a_url_as_a_path():
    with pytest.raises(DataError, match=r"^s3://bucket/a.txt: a Path drops a slash of a URL"):
        addressed(Path("s3://bucket/a.txt"))


def test_capitals_in_a_scheme():
    assert Address("HTTPS://host/A.txt").full == "https://host/A.txt"


def test_it_is_found_again_after_a_pickle():
    assert pickle.loads(pickle.dumps(Address(SIGNED))).full == SIGNED  # noqa: S301
