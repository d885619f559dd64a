"""Whether a list for validation names a file that another one trains on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deelish.errors import DataError
from deelish.images import list_files
from deelish.images.apart import check_apart
from deelish.images.lists import read_samples
from deelish.language.naming import InputBatch


@pytest.fixture(params=[2, 1 << 17])
def folder(tmp_path, monkeypatch, request):
    """The working folder, with a few files that pass for images; so many are compared at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deelish.images.samples.PIECE", request.param)
    monkeypatch.setattr("deelish.images.names.PIECE", request.param)
    for name in ("data/a.jpg", "data/猫.jpg", "b.jpg", "pool/a.jpg", "pool/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    return tmp_path


def samples_of(name, paths):
    """The images of a list that is written for it, labelled by nought."""
    Path(name).write_text("".join(f"{path} 0\n" for path in paths))
    return read_samples(name)


def test_lists_that_share_no_image_are_apart(folder):
    """Though a file in another folder has the same name."""
    train = samples_of("train.txt", ["data/a.jpg", "b.jpg", "data/猫.jpg"])
    check_apart(train, samples_of("val.txt", ["pool/c.jpg", "pool/a.jpg"]))


@pytest.mark.parametrize(
    "spelling",
    [
        *("data/a.jpg", "pool/../data/a.jpg", "link.jpg", "linked/a.jpg", "data//a.jpg"),
        *("./data/./a.jpg", "deep/linked/a.jpg"),
    ],
)
def test_one_file_in_both_lists_is_found_under_any_name(folder, spelling):
    (folder / "link.jpg").symlink_to(folder / "data/a.jpg")
    (folder / "linked").symlink_to(folder / "data")
    (folder / "deep").symlink_to(folder)
    paths = ["b.jpg", "data/猫.jpg", "data/a.jpg"], ["pool/c.jpg", spelling]
    train, val = samples_of("train.txt", paths[0]), samples_of("val.txt", paths[1])
    message = (
        f"val.txt line 2: image {val[1].path} is also for training (train.txt line 3);"
        " 1 of 2 validation images are in both; take them out of one"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        check_apart(train, val)
    message = "line 3: image data/a.jpg is also for training (val.txt line 2); 1 of 3"
    with pytest.raises(DataError, match=re.escape(message)):
        check_apart(val, train)


def test_of_several_the_first_is_named_and_all_are_counted(folder):
    train = samples_of("train.txt", ["b.jpg", "pool/a.jpg", "pool/a.jpg", "data/a.jpg"])
    val = samples_of("val.txt", ["pool/c.jpg", "pool/a.jpg", "b.jpg", "pool/a.jpg"])
    message = (
        "val.txt line 2: image pool/a.jpg is also for training (train.txt line 2); 3 of 4"
        " validation images"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        check_apart(train, val)


def test_a_folder_of_images_and_a_list_of_them(folder):
    val = samples_of("val.txt", ["b.jpg", "data/猫.jpg"])
    with pytest.raises(DataError, match=r"line 2: .*is also for training \(data/猫.jpg\)"):
        check_apart(read_samples("data"), val)
    check_apart(read_samples("pool"), val)


@pytest.fixture
def long(folder, monkeypatch):
    """Lists of more than eight files are long; of such ones four are looked at."""
    monkeypatch.setattr(list_files, "MOST_LOOKED_AT", 8)
    monkeypatch.setattr(list_files, "LOOKED_AT", 4)
    for number in range(20):
        Path(f"{number}.jpg").write_text("x")
    return [f"{number}.jpg" for number in range(20)]


def test_in_a_long_list_the_same_file_is_found_wherever_it_is(long):
    (Path.cwd() / "here").symlink_to(Path.cwd())
    for number in range(1, 19):
        train = samples_of("train.txt", long)
        val = samples_of("val.txt", [f"here/{number}.jpg"])
        with pytest.raises(DataError, match=rf"\(train.txt line {number + 1}\); 1 of 1 val"):
            check_apart(train, val)


def test_in_a_long_list_links_to_files_are_followed_where_they_are_looked_at(long):
    rows = list_files.rows_to_look_at(20, every=False).tolist()
    for row in set(range(20)) - {0}:
        paths = list(long)
        Path(f"link{row}.jpg").symlink_to("0.jpg")
        paths[0], paths[row] = "b.jpg", f"link{row}.jpg"
        train, val = samples_of("train.txt", paths), samples_of("val.txt", ["0.jpg"])
        with pytest.raises(DataError, match=rf"train.txt line {row + 1}"):
            check_apart(train, val, every=True)
        if row in rows:
            with pytest.raises(DataError, match=rf"train.txt line {row + 1}"):
                check_apart(train, val)
        else:
            check_apart(train, val)


def test_input_batch_compares_what_it_validates_with_to_what_it_trains_on(folder):
    samples_of("train.txt", ["b.jpg", "data/a.jpg"])
    samples_of("val.txt", ["pool/c.jpg", "b.jpg"])
    message = r"^val.txt line 2: image b.jpg is also for training \(train.txt line 1\); 1 of 2"
    with pytest.raises(DataError, match=message):
        InputBatch("train.txt", "val.txt")
