"""Lists of images and labels: what is read, and which errors are raised."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from deelish.errors import DataError
from deelish.images.class_folders import class_folders
from deelish.images.lists import check_labels, read_samples
from deelish.images.sample import Sample


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a few files that pass for images."""
    monkeypatch.chdir(tmp_path)
    for name in ("data/a.jpg", "data/my cat.jpg", "data/猫　1.jpg", "b.jpg", "pool/c.jpg"):
        write(tmp_path / name, "x")
    return tmp_path


def test_paths_labels_and_lines(folder):
    write(folder / "data/train.txt", "a.jpg 3\n\n  my cat.jpg \t 0\r\nb.jpg 12\n猫　1.jpg 7")
    samples = read_samples("data/train.txt")
    assert list(samples) == [
        Sample(Path("data/a.jpg"), 3, "data/train.txt", 1),
        Sample(Path("data/my cat.jpg"), 0, "data/train.txt", 3),
        Sample(Path("b.jpg"), 12, "data/train.txt", 4),
        Sample(Path("data/猫　1.jpg"), 7, "data/train.txt", 5),
    ]
    assert samples[1].where == "data/train.txt line 3"


def test_root_comes_before_the_lists_folder_and_the_working_folder(folder):
    for path in ("pool/same.jpg", "data/same.jpg", "same.jpg"):
        write(folder / path, "x")
    write(folder / "data/train.txt", "same.jpg 0\nc.jpg 1\n")
    with_root = [sample.path for sample in read_samples("data/train.txt", root="pool")]
    assert with_root == [Path("pool/same.jpg"), Path("pool/c.jpg")]
    write(folder / "data/train.txt", "same.jpg 0\n")
    assert [sample.path for sample in read_samples("data/train.txt")] == [Path("data/same.jpg")]


def test_an_absolute_path_and_a_byte_order_mark(folder):
    write(folder / "train.txt", b"\xef\xbb\xbf" + f"{folder}/b.jpg 1\n".encode())
    assert read_samples("train.txt", root="pool")[0].path == folder / "b.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data/train.txt: the list is empty; write `path label` on each line"),
        ("\n \n", "data/train.txt: the list is empty"),
        (
            "a.jpg 1\n\nmy cat.jpg\n",
            "data/train.txt line 3: image data/my cat.jpg has no label, and that of data/train.tx",
        ),
        (
            "a.jpg\nmy cat.jpg 0\n",
            "line 1 has none; give every image a label, or none of them",
        ),
        (
            "a.jpg 1\na.jpg cat\na.jpg 1.0\n",
            "data/train.txt line 2: label 'cat' is no number (2 such lines); write `path label`",
        ),
        ("a.jpg\nmy cat\n", "data/train.txt line 2: label 'cat' is no number; write"),
        ("a.jpg 1{0}\n", "data/train.txt line 1: label '1{0}' is no number; write"),
        ("a.jpg \u0663\n", "data/train.txt line 1: label '\u0663' is no number"),
        ("a.jpg " + "9" * 5000, "data/train.txt line 1: label '999"),
        ("a.jpg -1\na.jpg -2\n", "data/train.txt line 1: label -1 is negative (2 such lines)"),
        ("a.jpg 0\na\0.jpg 1\n", "data/train.txt line 2: there is a NUL character; write"),
        (b"a.jpg 0\n\xff.jpg 1\n", "data/train.txt line 2: the text is not UTF-8; save"),
        (
            "a.jpg 0\nno.jpg 1\nnor this.jpg 1\n",
            "data/train.txt line 2: image 'no.jpg' is not there (2 of 3 images are missing); it",
        ),
    ],
)
def test_faults_name_the_list_the_line_and_the_count(folder, text, message):
    write(folder / "data/train.txt", text)
    with pytest.raises(DataError, match=re.escape(message)):
        read_samples("data/train.txt")


@pytest.mark.parametrize(
    ("root", "folders"),
    [(None, "data, the working folder"), ("pool", "pool, data, the working folder")],
)
def test_a_missing_image_names_the_folders(folder, root, folders):
    write(folder / "data/train.txt", "no.jpg 1\n")
    with pytest.raises(
        DataError, match=f"looked for in {folders}; correct the paths or pass root="
    ):
        read_samples("data/train.txt", root=root)


@pytest.mark.parametrize("source", ["no.txt", "b.jpg/no.txt"])
def test_a_missing_list(folder, source):
    with pytest.raises(DataError, match=f"{source}: there is no such list or folder"):
        read_samples(source)


def test_a_missing_root(folder):
    write(folder / "data/train.txt", "a.jpg 1\n")
    with pytest.raises(DataError, match="root='nowhere': there is no such folder"):
        read_samples("data/train.txt", root="nowhere")


@pytest.mark.torture("F2")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_without_waiting(folder):
    os.mkfifo("pipe.txt")
    with pytest.raises(DataError, match=r"pipe.txt: this is no ordinary file; name a list"):
        read_samples("pipe.txt")


def odd_files(folder):
    """Paths that are no ordinary files, and what each is."""
    os.mkfifo("pipe.jpg")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("listener.jpg")
    listener.close()
    (folder / "to_pipe.jpg").symlink_to("pipe.jpg")
    (folder / "to_device.jpg").symlink_to("/dev/zero")
    names = ("pipe.jpg", "data/../pipe.jpg", "listener.jpg", "/dev/zero", "/dev/null")
    found = dict.fromkeys((*names, "to_pipe.jpg", "to_device.jpg"), "a pipe, a device or a socket")
    return found | {"data": "a folder", str(folder / "pool"): "a folder"}


@pytest.mark.torture("F2")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("root", [None, "."])
def test_what_is_no_ordinary_file_is_refused_at_once_and_never_opened(folder, root, monkeypatch):
    opened, really = [], Path.open

    def noted(path, *args, **options):
        opened.append(path.name)
        return really(path, *args, **options)

    monkeypatch.setattr("pathlib.Path.open", noted)
    for name, what in odd_files(folder).items():
        write(folder / "train.txt", f"b.jpg 0\n{name} 1\n")
        with pytest.raises(DataError, match=rf"^train.txt line 2: .*{name}: this is {what}; n"):
            read_samples("train.txt", root=root)
    assert set(opened) == {"train.txt"}


@pytest.mark.torture("F2")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n" * 300 + ".jpg", r"n{50,99}: cannot be looked for \(File name too long\); correct"),
        ("x/" * 3000 + "a.jpg", r"cannot be looked for \(File name too long\); correct"),
        ("round.jpg", r"round.jpg: cannot be looked for \(Too many levels of symbolic links\)"),
        ("dangling.jpg", r"image 'dangling.jpg' is not there \(1 of 1 images are missing\)"),
        ("b.jpg/a.jpg", "image 'b.jpg/a.jpg' is not there"),
        ("~/a.jpg", "image '~/a.jpg' is not there"),
        ("a\rb.jpg", r"image 'a\\rb.jpg' is not there"),
        ("a\0.jpg", "there is a NUL character"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_its_line(folder, name, message):
    (folder / "round.jpg").symlink_to("round.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    write(folder / "train.txt", f"{name} 1\n".encode())
    with pytest.raises(DataError, match=f"^train.txt line 1: .*{message}"):
        read_samples("train.txt")


@pytest.mark.torture("F2")
def test_a_list_may_lead_anywhere_by_dots_and_links(folder):
    """Root is where paths are looked for first; the list itself names what is read."""
    (folder / "pool/out.jpg").symlink_to(folder / "b.jpg")
    write(folder / "train.txt", f"../b.jpg 0\nout.jpg 1\n{folder}/b.jpg 2\n")
    found = [sample.path for sample in read_samples("train.txt", root="pool")]
    assert found == [Path("pool/../b.jpg"), Path("pool/out.jpg"), folder / "b.jpg"]


@pytest.fixture
def classes(folder):
    """A folder of three class folders, one of them nested, with files that are no images."""
    for name in (
        *("dog/2.JPG", "dog/10.png", "cat/images/x.jpeg", "cat/notes.txt", "cat/._x.jpg"),
        *("ant/a.webp", ".git/hidden.jpg", "stray.jpg"),
    ):
        write(folder / "set" / name, "x")
    return "set"


def test_class_folders_are_numbered_by_name(classes):
    samples = read_samples(classes)
    assert [(sample.path.as_posix(), sample.label) for sample in samples] == [
        ("set/ant/a.webp", 0),
        ("set/cat/images/x.jpeg", 1),
        ("set/dog/10.png", 2),
        ("set/dog/2.JPG", 2),
    ]
    assert (samples[0].source, samples[0].line) == ("set", 0)
    assert samples[0].where == str(Path("set/ant/a.webp"))


def test_class_folders_names_them_and_is_empty_for_a_list(folder, classes):
    assert class_folders(classes) == ["ant", "cat", "dog"]
    assert class_folders(write(folder / "list.txt", "b.jpg 0")) == []


def test_a_list_of_paths_alone_has_no_labels(folder):
    write(folder / "data/train.txt", "a.jpg\n\n  my cat.jpg \r\nb.jpg\n")
    assert list(read_samples("data/train.txt")) == [
        Sample(Path("data/a.jpg"), None, "data/train.txt", 1),
        Sample(Path("data/my cat.jpg"), None, "data/train.txt", 3),
        Sample(Path("b.jpg"), None, "data/train.txt", 4),
    ]


def test_a_folder_of_images_has_no_labels(folder):
    for name in ("2.PNG", "notes.txt", ".hidden.jpg", "below/notes.txt"):
        write(folder / "photos" / name, "x")
    write(folder / "photos/1.jpg", "x")
    assert list(read_samples("photos")) == [
        Sample(Path("photos/1.jpg"), None, "photos", 0),
        Sample(Path("photos/2.PNG"), None, "photos", 0),
    ]


def test_a_folder_without_images(folder):
    write(folder / "bare/cat/notes.txt", "x")
    message = "bare: there is no image in the folder, nor in its 1 class folders; put files there"
    with pytest.raises(DataError, match=message):
        read_samples("bare")


def test_labels_outside_the_outputs(folder):
    samples = [
        Sample(Path("a.jpg"), label, "data/train.txt", 6 + label) for label in (0, 9, 10, 11)
    ]
    check_labels(samples[:2], 10, "NetworkInNetwork")
    message = (
        "data/train.txt line 16: label 10, but NetworkInNetwork has 10 outputs (0 to 9);"
        " 2 of 4 labels are outside; correct the list, or pass"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        check_labels(samples, 10, "NetworkInNetwork")


def test_images_without_labels_fit_every_network(folder):
    check_labels([Sample(Path("a.jpg"), None, "data/train.txt", 1)], 1, "Small")
