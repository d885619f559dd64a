"""Images in arrays: the samples that come out, their paths and labels."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from tars import write_tar

from deelish.images import names as name_arrays
from deelish.images.lists import read_samples
from deelish.images.samples import bounds, distinct, path_texts

PATHS = ["a.jpg", "b//c.jpg", "./d.jpg", "b/./c.jpg", "猫/é.jpg", "b/../a.jpg", "b/c.jpg", ".e.jpg"]


@pytest.fixture(autouse=True, params=[2, 1 << 17])
def folder(tmp_path, monkeypatch, request):
    """The working folder, with files; arrays are worked on two at a time, and all at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deelish.images.samples.PIECE", request.param)
    monkeypatch.setattr(name_arrays, "PIECE", request.param)
    for path in (*PATHS, "pool/猫/f.jpg"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("x")
    return tmp_path


def of_list(lines, root=None):
    Path("list.txt").write_text("".join(f"{line} 1\n" for line in lines))
    return read_samples("list.txt", root)


def sets(folder):
    members = [(f"{stem}.{kind}", b"1") for stem in ("0", "猫/1", "b/2") for kind in ("jpg", "cls")]
    write_tar("s-0.tar", members)
    write_tar("s-1.tar", members[:2])
    return [
        of_list(PATHS),
        *(of_list(["a.jpg", path]) for path in (*PATHS, "a.jpg/", "b/c.jpg/.")),
        of_list([*PATHS, str(folder / "a.jpg"), "猫/f.jpg"], root="pool"),
        of_list([str(folder / path) for path in PATHS]),
        read_samples("."),
        read_samples(folder),
        read_samples("./s-{0..1}.tar"),
    ]


def test_texts_are_the_paths_of_the_samples(folder):
    for samples in sets(folder):
        texts = [text for texts in path_texts(samples) for text in texts]
        assert texts == [str(sample.path) for sample in samples]
        assert bounds(samples) == (min(texts), max(texts))
        assert list(path_texts(list(samples))) == [texts]


def test_different_images_are_counted_once(folder):
    for samples in sets(folder):
        assert distinct(samples) == len({sample.location for sample in samples})
        assert distinct(list(samples)) == distinct(samples)


def test_samples_are_a_sequence(folder):
    samples = of_list(PATHS)
    assert samples[-1] == samples[len(PATHS) - 1] == list(samples)[-1]
    assert samples[1:5:2] == [samples[1], samples[3]]
    assert samples[::-1] == list(reversed(samples))
    for index in (len(PATHS), -len(PATHS) - 1):
        with pytest.raises(IndexError):
            samples[index]
    assert type(samples[0].label) is type(samples[0].line) is int
    assert repr(samples) == "8 images of list.txt"


def test_samples_go_to_another_process_as_bytes(folder):
    for samples in sets(folder)[:-1]:
        assert list(pickle.loads(pickle.dumps(samples))) == list(samples)  # noqa: S301
    many = of_list(["b/c.jpg"] * 1000)
    # A line is eleven bytes here, and its place, label and number are twenty.
    assert len(pickle.dumps(many)) < 1000 * 32 + 2000


def test_folders_are_in_the_order_of_pathlib(folder):
    for path in ("set/a b/1.jpg", "set/a/1.jpg", "set/a!/1.jpg", "set/a/b/1.jpg", "set/a/b!.jpg"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("x")
    Path("top").mkdir()
    Path("set").rename("top/set")
    paths = [sample.path for sample in read_samples("top")]
    assert len(paths) == 5
    assert paths == sorted(paths)
