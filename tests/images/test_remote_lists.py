"""Lists and their images by URL: where images are looked for, the same pixels, what is refused."""

import numpy as np
import pytest
from helpers import write_set
from one_sentence import refused

from deelish import Deel, InputBatch
from deelish.errors import DataError, MissingDataError, RemoteError
from deelish.images.apart import check_apart
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading import ReadOptions
from deelish.plan.rendering import DEFAULT_RENDERING


@pytest.fixture
def source(tmp_path, web):
    """A list of eight images on this disk, which are on the web too, below /set."""
    (tmp_path / "set").mkdir()
    path = write_set(tmp_path / "set", "train", 8)
    for each in path.parent.iterdir():
        web.files[f"/set/{each.name}"] = each.read_bytes()
    return path


def pixels_of(samples):
    loader = Loader(samples, batch_size=4, seed=0, read_options=ReadOptions(), on_bad_image="raise")
    loader.renderings.add(DEFAULT_RENDERING)
    batches = list(loader.batches(0, training=False))
    return np.concatenate([batch.pixels(DEFAULT_RENDERING) for batch in batches])


def texts(web, path, lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize("how", ["list", "list and root", "root", "lines"])
def test_images_by_url_are_those_of_the_disk(web, source, tmp_path, how):
    names = [line.split()[0] for line in source.read_text().splitlines()]
    lines = [f"{web.url}/set/{name} {number % 4}" for number, name in enumerate(names)]
    away = tmp_path / "away"
    away.mkdir()
    found = {
        "list": lambda: read_samples(f"{web.url}/set/train.txt?token=1"),
        "list and root": lambda: read_samples(f"{web.url}/set/train.txt", f"{web.url}/set/"),
        "root": lambda: read_samples(
            texts(web, away / "a.txt", source.read_text().splitlines()), f"{web.url}/set"
        ),
        "lines": lambda: read_samples(texts(web, away / "a.txt", lines)),
    }[how]()
    assert [sample.label for sample in found] == [0, 1, 2, 3] * 2
    assert (pixels_of(found) == pixels_of(read_samples(source))).all()
    assert web.count("GET", "/set/0.png") == 1
    read_again = read_samples(f"{web.url}/set/train.txt")
    pixels_of(read_again)
    assert web.count("GET", "/set/0.png") == 1


def test_a_list_by_url_of_images_on_this_disk(web, source):
    for name in list(web.files):
        if name.endswith(".png"):
            del web.files[name]
    web.requests.clear()
    found = read_samples(f"{web.url}/set/train.txt", source.parent)
    assert (pixels_of(found) == pixels_of(read_samples(source))).all()
    assert {path for _, path in web.requests} == {"/set/train.txt"}


def test_here_and_there_in_one_list(web, source, tmp_path):
    lines = [f"{web.url}/set/0.png 0", f"{source.parent}/1.png 1", "2.png 2"]
    found = read_samples(texts(web, source.parent / "mixed.txt", lines))
    assert (pixels_of(found) == pixels_of(read_samples(source))[:3]).all()


def test_an_image_in_both_sets(web, source):
    both = read_samples(f"{web.url}/set/train.txt"), read_samples(f"{web.url}/set/train.txt?x=1")
    with pytest.raises(DataError, match=r"train.txt line 1: image .*0.png is also for training"):
        check_apart(*both)


def test_a_user_sees_the_line_and_the_url_of_a_bad_image(web, source):
    web.files["/set/3.png"] = b"nothing"
    samples = read_samples(f"{web.url}/set/train.txt?secret=1")
    place = f"{web.url}/set/train.txt line 4: {web.url}/set/3.png: this is no JPEG"
    with pytest.raises(DataError) as caught:
        pixels_of(samples)
    assert str(caught.value).startswith(place)


def test_a_train_list_of_sequences_by_url(web, remote):
    web.files["/train.tsv"] = b"1 2 3\t0\n2 3 4\t1\n"
    with Deel(seed=0):
        data = InputBatch(f"{web.url}/train.tsv?secret=1", views=1, batch_size=2)
    assert data.counts == (2, 0)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/set/none.txt?secret", r"none\.txt: there is no such list or folder; correct the path"),
        ("/set/?secret", r"/set/: a folder on a server is not searched for images; give a list"),
        ("/set/0.png?secret", r"0\.png: is an image; give a list of images"),
        ("/set/none.tar?secret", r"none\.tar: there is no such tar; correct the path"),
        ("/set/empty.txt?secret", r"empty\.txt: the list is empty"),
    ],
)
def test_what_is_no_list(web, source, path, sentence):
    web.files["/set/empty.txt"] = b"\n"
    with pytest.raises(DataError, match=sentence) as caught:
        InputBatch(web.url + path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "{url}/set/none.png?secret 1",
            r"line 2: image '{url}/set/none.png' is not there \(1 of 2",
        ),
        ("none.png 1", r"line 2: image 'none.png' is not in {root}, .*the working folder \(1 of 2"),
        ("https:///a?secret 1", r"line 2: https://\.\.\.: the URL names no server or bucket"),
    ],
)
def test_an_image_that_is_not_there(web, source, tmp_path, line, sentence):
    root = f"{web.url}/set/"
    names = {"url": web.url, "root": root}
    path = texts(web, tmp_path / "a.txt", ["0.png 0", line.format(**names)])
    refused(DataError, sentence.format(**names), lambda: read_samples(path, root))


def test_a_server_that_refuses_an_image(web, source):
    web.faults["/set/5.png"] = [403] * 9
    refused(
        RemoteError,
        r"/set/5.png: may not be read with these credentials",
        lambda: read_samples(f"{web.url}/set/train.txt"),
    )


def test_a_missing_list_is_what_python_calls_missing(web):
    with pytest.raises(FileNotFoundError):
        read_samples(f"{web.url}/none.txt")
    with pytest.raises(MissingDataError):
        read_samples(f"{web.url}/none.txt")
