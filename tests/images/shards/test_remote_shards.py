"""Tar shards by URL: read as those of the disk, once from the server; a change is noticed."""

import pytest
from helpers import once, small, write_set
from tars import tar_of

from deelish import Deel, InputBatch
from deelish.errors import DataError, FileError, MissingDataError
from deelish.images.cache.disk import key_of
from deelish.images.lists import read_samples


@pytest.fixture
def shards(tmp_path, web):
    """Three shards of four images on this disk, which are on the web too; their name."""
    for number in range(3):
        source = write_set(tmp_path, f"s{number}", 4, 100 * number)
        path = tar_of(source, tmp_path / f"data-{number}.tar")
        web.files[f"/set/{path.name}"] = path.read_bytes()
    return str(tmp_path / "data-{0..2}.tar")


def loss_of(source):
    """The loss of an epoch, which no two batches of images share."""
    with Deel(seed=3):
        net = small()
        InputBatch(source, batch_size=4, mirror=False)
        history = once(lambda x, t: (net.classify(x), net.backprop(t))[1])
    return history[-1]["loss"]


def test_a_training_is_that_on_shards_of_the_disk(web, shards):
    url = f"{web.url}/set/data-{{0..2}}.tar?X-Amz-Signature=secret"
    assert loss_of(url) == loss_of(shards)
    assert loss_of(url) == loss_of(shards)
    assert [web.count("GET", f"/set/data-{number}.tar") for number in range(3)] == [1, 1, 1]


def test_a_training_on_s3(bucket, web, shards):
    for name, data in web.files.items():
        bucket.pipe(f"bucket{name}", data)
    assert loss_of("s3://bucket/set/data-{0..2}.tar") == loss_of(shards)


def test_messages_name_the_url(web, shards):
    samples = read_samples(f"{web.url}/set/data-{{0..2}}.tar?secret=1")
    assert samples[5].where == f"{web.url}/set/data-1.tar member 0001.png"
    assert "secret" not in repr(samples)
    web.files["/set/data-1.tar"] = web.files["/set/data-1.tar"][:3000]
    with pytest.raises(DataError, match=r"http://\S+/data-1.tar: the tar is cut off or damaged"):
        read_samples(f"{web.url}/set/data-{{0..2}}.tar")


def test_a_shard_that_changes_during_a_training_is_noticed(web, shards, monkeypatch):
    monkeypatch.setattr("deelish.storage.remote.copies.INTERVAL", 0.0)
    with Deel(seed=0):
        net = small()
        InputBatch(f"{web.url}/set/data-{{0..2}}.tar", batch_size=4, mirror=False)
        web.files["/set/data-2.tar"] = bytes(len(web.files["/set/data-2.tar"]))
        with pytest.raises(DataError, match=r"data-2.tar member \S+: the shard was changed, repl"):
            once(lambda x, t: (net.classify(x), net.backprop(t))[1])


def test_one_that_changed_between_two_runs_is_read_anew(web, shards):
    before = loss_of(f"{web.url}/set/data-{{0..2}}.tar")
    web.files["/set/data-2.tar"] = web.files["/set/data-1.tar"]
    assert loss_of(f"{web.url}/set/data-{{0..2}}.tar") != before


def test_decoded_images_are_found_again_whatever_the_folder(web, shards, tmp_path, monkeypatch):
    url = f"{web.url}/set/data-0.tar"
    before = key_of(read_samples(url)[0].location)
    monkeypatch.chdir(tmp_path)
    assert key_of(read_samples(f"{url}?other=signature")[0].location) == before
    web.files["/set/data-0.tar"] += bytes(512)
    assert key_of(read_samples(url)[0].location) != before


def test_a_range_with_missing_shards(web, shards):
    with pytest.raises(MissingDataError, match=r"data-3.tar is not there \(2 of its 5 files are"):
        read_samples(f"{web.url}/set/data-{{0..4}}.tar")


def test_more_than_the_room_is_refused_before_anything_is_read(web, shards, monkeypatch):
    monkeypatch.setenv("DEELISH_REMOTE_ROOM", "20 kB")
    with pytest.raises(FileError, match=r"data-\{0..2\}.tar: with these, .* may take 20.0 kB"):
        read_samples(f"{web.url}/set/data-{{0..2}}.tar")
    assert not any(method == "GET" for method, _ in web.requests)
