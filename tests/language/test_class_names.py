"""Whatever the order of classes, folders and calls, an image is called as its folder is."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import once, small
from PIL import Image

from deelish import BatchTrain, Compare, Deel, GetLabels, InputBatch, Probe
from deelish.comparison import timing
from deelish.errors import DataError

# Corner by corner; their alphabet is another order.
CORNERS = ("up", "over", "below", "left")
OTHER = ["left", "up", "over", "below"]


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    with Deel(seed=1) as deel:
        yield deel


def write_folders(path, names=CORNERS, count=12, seed=0):
    """Images of one bright corner, each in the folder that is named for it."""
    rng = np.random.default_rng(seed)
    for corner, name in enumerate(names):
        (path / name).mkdir(parents=True)
        row, column = divmod(corner, 2)
        for number in range(count):
            pixels = rng.integers(0, 60, (16, 16), dtype=np.uint8)
            pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 150
            Image.fromarray(pixels).save(path / name / f"{number}.png")
    return path


def learn(*networks, **options):
    def workout(x, t):
        for network in networks:
            network.classify(x)
            made = network.backprop(t)
        return made

    return BatchTrain(workout, epochs=15, lr=0.01, **options)


def read(path):
    InputBatch(path, batch_size=8, crop=1, mirror=False, keep="memory")


def named_rightly(network, path):
    """The fraction of images that are called as their folder is."""
    right = []
    for file in path.rglob("*.png"):
        network.classify(str(file))
        (name, _), *_ = GetLabels()
        right.append(name.lower() == file.parent.name.lower())
    return np.mean(right)


@pytest.fixture
def images(tmp_path):
    return write_folders(tmp_path / "set")


def test_the_network_is_made_first(images):
    student = small(labels=OTHER)
    read(images)
    assert learn(student)[-1]["accuracy"] == 1
    assert named_rightly(student, images) == 1


def test_the_network_is_made_after_the_images_were_read(images):
    read(images)
    student = small(labels=OTHER)
    assert learn(student)[-1]["accuracy"] == 1
    assert named_rightly(student, images) == 1


def test_a_teacher_of_another_order_is_made_first(images):
    teacher, student = small("Teacher", labels=list(CORNERS)), small(labels=OTHER)
    read(images)
    learn(teacher, student)
    assert named_rightly(teacher, images) == named_rightly(student, images) == 1

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    row = BatchTrain(workout, epochs=2)[-1]
    assert (row["accuracy"], row["agreement"]) == (1, 1)


def test_mixed_images_are_learnt_by_name_too(images):
    InputBatch(images, batch_size=8, crop=1, mirror=False, mix="cutmix")
    student = small(labels=OTHER)
    learn(student)
    assert named_rightly(student, images) > 0.9


def test_a_student_without_names_follows_the_folders(images):
    """Its class n is the folder of number n, also where the teacher's is another."""
    read(images)
    teacher, student = small("Teacher", labels=OTHER), small(labels=4)
    learn(teacher)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    row = BatchTrain(workout, epochs=15, lr=0.01)[-1]
    assert (row["accuracy"], row["agreement"]) == (1, 1)


def test_another_case_is_found_and_reported(tmp_path, capsys):
    images = write_folders(tmp_path / "set", [name.upper() for name in CORNERS])
    student = small(labels=OTHER)
    read(images)
    assert "'BELOW' is 'below', 'LEFT' is 'left'" in capsys.readouterr().out
    learn(student)
    assert named_rightly(student, images) == 1


@pytest.mark.parametrize("first", [True, False])
def test_one_misspelt_folder_is_refused(tmp_path, first):
    images = write_folders(tmp_path / "set", ["up", "over", "blow", "left"])
    words = (
        r"set: 1 of its 4 class folders has no label of Small: 'blow' \(nearest label: 'below'\)"
    )
    if first:
        student = small(labels=OTHER)
        with pytest.raises(DataError, match=words):
            read(images)
    else:
        read(images)
        student = small(labels=OTHER)
        with pytest.raises(DataError, match=words):
            learn(student)


def test_folders_of_other_names_are_reported(images, capsys):
    read(images)
    student = small(labels=["a", "b", "c", "d"])
    once(lambda x, t: (student.classify(x), student.backprop(t))[1])
    line = "so they are its classes by number: 0 'below', 1 'left', 2 'over', 3 'up'"
    assert capsys.readouterr().out.count(line) == 1


def test_compare_reads_folders_by_the_students_names(images, tmp_path):
    student = small(labels=OTHER)
    read(images)
    learn(student)
    test = write_folders(tmp_path / "test", [name.title() for name in CORNERS], 4, seed=1)
    assert Compare(student, student, test)["student"]["accuracy"] == 1
    odd = write_folders(tmp_path / "odd", ["up", "over", "blow", "left"], 2)
    with pytest.raises(DataError, match="odd: 1 of its 4 class folders has no label of Small"):
        Compare(student, student, odd)


def test_compare_reports_the_order_that_a_student_without_names_is_measured_in(images, capsys):
    teacher, student = small("Teacher", labels=OTHER), small(labels=4)
    read(images)
    learn(teacher, student)
    assert Compare(teacher, student, images)["student"]["accuracy"] == 1
    words = "Small: has no names, so that its classes are taken to be those of Teacher by number: 0"
    assert f"{words} 'left', 1 'up', 2 'over', 3 'below'" in capsys.readouterr().out


def test_a_probe_learns_folders_by_name(images):
    read(images)
    student = small(labels=4)
    learn(student)
    Probe(student, labels=OTHER)
    assert named_rightly(student, images) == 1


def test_a_list_beside_folders_numbered_by_the_alphabet_is_reported(images, tmp_path, capsys):
    val = tmp_path / "val.txt"
    other = write_folders(tmp_path / "other", count=1, seed=2)
    val.write_text("".join(f"{file} 0\n" for file in other.rglob("*.png")))
    InputBatch(images, val, batch_size=8)
    assert "beside a list that has numbers of its own: 0 'below'" in capsys.readouterr().out
