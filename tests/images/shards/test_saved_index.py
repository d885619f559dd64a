"""The index of large shards is read once: from then on from its file, until a shard changes."""

import shutil

import numpy as np
import pytest
from tars import samples_of, write_tar

from deelish.cli.command import main
from deelish.errors import DataError
from deelish.images.lists import read_samples
from deelish.images.shards import saved_index, tar_headers
from deelish.images.shards.saved_index import index_folder, indices

RANGE = "data-{0..1}.tar"


@pytest.fixture
def shards(source, tmp_path, monkeypatch):
    """Two tars with the images of train.txt, of different labels, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEELISH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(saved_index, "FEWEST", 5)
    members = list(samples_of(source))
    for number in range(2):
        # Names of several bytes a letter.
        named = [(f"{number}/ä{name}", data) for name, data in members[number * 2 :]]
        write_tar(tmp_path / f"data-{number}.tar", named)
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """The shards whose headers were read."""
    paths, headers = [], tar_headers.headers
    monkeypatch.setattr(
        tar_headers, "headers", lambda path, file: paths.append(path) or headers(path, file)
    )
    return paths


def facts(samples):
    """What a training knows of each image, and its bytes."""
    return [(each.where, each.label, each.location.read()) for each in samples]


def test_a_second_opening_reads_no_header(shards, read):
    first = facts(read_samples(RANGE))
    assert len(first) == 11 + 10
    assert read == ["data-0.tar", "data-1.tar"]
    again = read_samples(RANGE)
    assert facts(again) == first
    assert len(read) == 2
    assert repr(again) == f"21 images of {RANGE}"
    texts = [text for piece in again.locations.texts() for text in piece]
    assert texts == [str(each.path) for each in again]


def test_images_without_labels_have_none_again(shards, read, source):
    images = [pair for pair in samples_of(source) if not pair[0].endswith(".cls")]
    write_tar(shards / "bare.tar", images)
    assert read_samples("bare.tar").labels is None
    assert read_samples("bare.tar").labels is None
    assert read == ["bare.tar"]


def test_a_shard_that_changed_is_read_again(shards, read, source):
    read_samples(RANGE)
    write_tar(shards / "data-1.tar", list(samples_of(source))[:6])
    assert len(read_samples(RANGE)) == 11 + 3
    assert len(read) == 4
    assert len(read_samples(RANGE)) == 11 + 3
    assert len(read) == 4


def test_a_shard_that_only_looks_older_is_read_again(shards, read):
    read_samples(RANGE)
    copy = shards / "copy.tar"
    shutil.copyfile(shards / "data-1.tar", copy)
    copy.replace(shards / "data-1.tar")
    read_samples(RANGE)
    assert len(read) == 4


def test_other_shards_have_an_index_of_their_own(shards, read):
    read_samples(RANGE)
    assert len(read_samples("data-0.tar")) == 11
    assert len(indices()) == 2
    read_samples(RANGE)
    assert read == ["data-0.tar", "data-1.tar", "data-0.tar"]


def test_few_images_have_none(shards, monkeypatch):
    monkeypatch.setattr(saved_index, "FEWEST", 22)
    read_samples(RANGE)
    assert indices() == []


@pytest.mark.parametrize("at", [3, 100, 4096, 4200, -1])
def test_a_damaged_index_is_written_again(shards, read, at):
    expected = facts(read_samples(RANGE))
    (path,) = indices()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert facts(read_samples(RANGE)) == expected
    assert len(read) == 4
    assert facts(read_samples(RANGE)) == expected
    assert len(read) == 4


def test_an_index_cut_short_is_written_again(shards, read):
    expected = facts(read_samples(RANGE))
    (path,) = indices()
    for size in (0, 4096, path.stat().st_size - 1):
        path.write_bytes(path.read_bytes()[:size])
        assert facts(read_samples(RANGE)) == expected
    assert len(read) == 8


def test_where_it_cannot_be_written_a_line_says_so(shards, capsys):
    (shards / "cache").write_bytes(b"")
    assert len(read_samples(RANGE)) == 21
    assert f"{RANGE}: its index is not saved, and is read again next time (" in (
        capsys.readouterr().out
    )


def test_a_missing_shard_is_named_as_before(shards):
    read_samples(RANGE)
    (shards / "data-1.tar").unlink()
    with pytest.raises(DataError, match=r"data-1\.tar is not there"):
        read_samples(RANGE)


def test_the_command_shows_and_removes_them(shards, capsys):
    read_samples(RANGE)
    (path,) = indices()
    assert main(["cache", "list"]) == 0
    assert "indices of shards: 1, " in capsys.readouterr().out
    assert main(["cache", "clear", "shards"]) == 0
    assert "removed: indices of shards: 1, " in capsys.readouterr().out
    assert not path.exists()
    assert main(["cache", "clear", "shards"]) == 0
    assert "no indices of shards are cached there" in capsys.readouterr().out


def test_labels_of_any_size_are_the_same(shards, source):
    images = [pair for pair in samples_of(source) if not pair[0].endswith(".cls")]
    large = [(f"{name[:4]}.cls", b"999999999999999999") for name, _ in images]
    write_tar(shards / "large.tar", [*images, *large])
    for _ in range(2):
        np.testing.assert_array_equal(read_samples("large.tar").labels, 999999999999999999)


def test_what_cannot_be_removed_is_one_sentence(shards, capsys):
    (index_folder() / "a.index").mkdir(parents=True)
    assert main(["cache", "clear", "shards"]) == 1
    assert "a.index: cannot be removed (" in capsys.readouterr().err
