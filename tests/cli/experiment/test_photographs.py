"""What `deelish new` finds in a folder, and how it divides it."""

import shutil

import numpy as np
import pytest
from cli.experiment.photos import CLASSES, write_photos
from one_sentence import refused
from PIL import Image

from deelish.cli.experiment.photographs import photographs_in
from deelish.cli.experiment.splitting import list_text, split
from deelish.errors import DataError
from deelish.images import read_samples


@pytest.fixture
def photos(tmp_path):
    return write_photos(tmp_path / "photos")


def paths(images):
    return {image.path.name for image in images}


def test_what_is_there_is_counted(photos, capsys):
    (photos / ".hidden").mkdir()
    (photos / "cat" / "more").mkdir()
    Image.new("RGB", (90, 100), "blue").save(photos / "cat" / "more" / "nested.jpg")
    (photos / "cat" / "notes.txt").write_text("no image")
    found = photographs_in(photos)
    found.report()
    assert found.labels == list(CLASSES)
    assert found.left_out == []
    printed = capsys.readouterr().out
    assert "31 images of 3 classes (cat 11, dog 10, red fox 10), shorter side 24 pixels" in printed


def test_the_side_of_a_large_photograph_is_that_of_its_file(photos):
    """A JPEG file is decoded at an eighth of its size here."""
    for path in photos.rglob("*.png"):
        noise = np.random.default_rng(sum(str(path).encode())).integers(0, 255, (5, 7, 3), np.uint8)
        Image.fromarray(noise).resize((1600, 1200)).save(path.with_suffix(".jpg"))
        path.unlink()
    assert photographs_in(photos).side == 1200


def test_copies_and_bad_files_are_left_out(photos, capsys):
    shutil.copy(photos / "cat" / "0.png", photos / "cat" / "copy.png")
    shutil.copy(photos / "cat" / "1.png", photos / "dog" / "also a cat.png")
    (photos / "dog" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    whole = (photos / "dog" / "3.png").read_bytes()
    (photos / "dog" / "3.png").write_bytes(whole[:200])
    found = photographs_in(photos)
    found.report()
    printed = capsys.readouterr().out
    assert "copy.png: a copy of " in printed
    assert "1.png and " in printed
    assert "also a cat.png: the same image in several classes" in printed
    assert "dog/3.png: the image is" in printed
    assert "dog/broken.jpg: " in printed
    assert len(found.left_out) == 4
    assert paths(found.of("cat")) == {f"{n}.png" for n in range(10) if n != 1}
    assert paths(found.of("dog")) == {f"{n}.png" for n in range(10) if n != 3}


def test_of_many_left_out_some_are_named(photos, capsys):
    for number in range(9):
        (photos / "dog" / f"bad{number}.jpg").write_bytes(b"")
    photographs_in(photos).report()
    printed = capsys.readouterr().out
    assert printed.count("left out: ") == 6
    assert "left out: 4 more, of 9 in all" in printed


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none", "is not there; give a folder with a folder of images"),
        (lambda folder: folder / "cat" / "0.png", "is a file; give a folder"),
        (lambda folder: folder / "cat", "has no class folders; put the images of each class"),
        (lambda folder: write_photos(folder / "one", classes=["x"]), "has one class folder, 'x'"),
    ],
)
def test_a_folder_without_classes_is_refused(photos, make, words):
    refused(DataError, words, lambda: photographs_in(make(photos)))


def test_a_class_without_a_good_image_is_refused(photos):
    (photos / "empty").mkdir()
    match = "empty: holds no image that can be used; put"
    refused(DataError, match, lambda: photographs_in(photos))
    (photos / "empty" / "bad.jpg").write_bytes(b"x")
    match = r"empty: holds no image that can be used \(the first: .*bad.jpg"
    refused(DataError, match, lambda: photographs_in(photos))


# The parts


def test_every_class_is_in_every_part_by_its_fraction(tmp_path):
    parts = split(photographs_in(write_photos(tmp_path / "photos", count=20)))
    for part, count in ((parts.train, 14), (parts.val, 2), (parts.test, 4)):
        assert [sum(image.label == label for image in part) for label in CLASSES] == [count] * 3
    everything = [image.path for part in (parts.train, parts.val, parts.test) for image in part]
    assert len(everything) == len(set(everything)) == 60


def test_the_parts_follow_from_the_images_not_from_their_names(photos, tmp_path):
    first = split(photographs_in(photos))
    renamed = tmp_path / "renamed"
    shutil.copytree(photos, renamed)
    for path in list(renamed.rglob("*.png")):
        path.rename(path.with_name(f"z{99 - int(path.stem)}.png"))
    second = split(photographs_in(renamed))
    for name in ("train", "val", "test"):
        digests = [{image.digest for image in getattr(part, name)} for part in (first, second)]
        assert digests[0] == digests[1]


def test_a_class_of_few_images_is_refused(tmp_path):
    found = photographs_in(write_photos(tmp_path / "photos", count=4))
    refused(
        DataError,
        "photos: holds 4 images of 'cat' that can be used, and training",
        lambda: split(found),
    )
    parts = split(photographs_in(write_photos(tmp_path / "more", count=5)))
    assert [len(parts.train), len(parts.val), len(parts.test)] == [9, 3, 3]


def test_a_list_names_its_images_from_its_own_folder(photos, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    parts = split(photographs_in(photos))
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text(list_text(parts.train, CLASSES, folder))
    samples = read_samples(folder / "train.txt")
    assert [sample.path.resolve() for sample in samples] == [image.path for image in parts.train]
    assert [CLASSES[sample.label] for sample in samples] == [image.label for image in parts.train]


# A folder that is divided already


@pytest.fixture
def divided(tmp_path):
    """train/, val/ and test/ of 10, 5 and 5 images a class."""
    made = write_photos(tmp_path / "whole", count=20)
    for part, numbers in (("train", range(10)), ("val", range(10, 15)), ("Test", range(15, 20))):
        for label in CLASSES:
            (tmp_path / "parts" / part / label).mkdir(parents=True)
            for number in numbers:
                name = f"{number}.png"
                (made / label / name).rename(tmp_path / "parts" / part / label / name)
    return tmp_path / "parts"


def counts(parts):
    return [len(parts.train), len(parts.val), len(parts.test)]


def test_its_own_parts_are_taken(divided):
    parts = split(photographs_in(divided))
    assert counts(parts) == [30, 15, 15]
    for images, name in ((parts.train, "train"), (parts.val, "val"), (parts.test, "Test")):
        assert {image.path.parent.parent.name for image in images} == {name}


def test_without_a_part_for_tests_that_for_validation_tests(divided):
    shutil.rmtree(divided / "Test")
    parts = split(photographs_in(divided))
    assert counts(parts) == [27, 3, 15]
    assert {image.path.parent.parent.name for image in parts.test} == {"val"}
    shutil.rmtree(divided / "val")
    assert counts(split(photographs_in(divided))) == [21, 3, 6]


def test_an_image_that_tests_is_not_learnt_from(divided):
    shutil.copy(divided / "Test" / "cat" / "15.png", divided / "train" / "cat" / "also.png")
    found = photographs_in(divided)
    assert counts(split(found)) == [30, 15, 15]
    assert "also.png: a copy of" in found.left_out[0]


def test_a_class_without_training_images_is_refused(divided):
    (divided / "val" / "dgo").mkdir()
    match = "dgo: is no class of the training images, cat, dog, red fox; take it away"
    refused(DataError, match, lambda: photographs_in(divided))


def test_train_may_be_a_class(tmp_path):
    """Where other folders stand beside it, they are all classes."""
    made = write_photos(tmp_path / "photos", classes=("bus", "train"))
    assert photographs_in(made).labels == ["bus", "train"]
