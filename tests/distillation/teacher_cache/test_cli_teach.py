"""The command teach: it caches a teacher's logits, resumes where it stopped, names errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import small, write_set
from PIL import Image

from deelish import BatchTrain, Deel, InputBatch, Network
from deelish.cli import main
from deelish.images import list_files

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 20)


def test_images_without_labels_share_the_cache_of_those_with(model, images, folder, ran):
    bare = images.with_name("bare.txt")
    bare.write_text("".join(f"{line.split()[0]}\n" for line in images.read_text().splitlines()))
    arguments = ("teach", model, "--batch-size", 8, "--views", 1, "--images")
    assert ran(*arguments, bare)[0] == "view 1: 20 computed, 0 cached before"
    assert ran(*arguments, images)[0] == "view 1: 0 computed, 20 cached before"


def test_files_of_a_long_list_are_looked_at_where_all_are_asked_for(
    model, images, ran, capsys, monkeypatch
):
    monkeypatch.setattr(list_files, "MOST_LOOKED_AT", 10)
    monkeypatch.setattr(list_files, "LOOKED_AT", 4)
    (row, *_) = set(range(20)) - set(list_files.rows_to_look_at(20, every=False))
    images.with_name(images.read_text().splitlines()[row].split()[0]).unlink()
    arguments = ("teach", str(model), "--images", str(images), "--views", "1")
    for options, message in (
        (("--check", "all"), "(1 of 20 images are missing)"),
        ((), f"line {row + 1}: {images.parent}"),
        (("--check", "some"), "InputBatch(check='some'): it is 'all'"),
    ):
        assert main([*arguments, *options]) == 1
        assert message in capsys.readouterr().err


def test_teach_caches_every_view_and_resumes_where_it_stopped(model, images, folder, ran):
    arguments = ("teach", model, "--images", images, "--batch-size", 8)
    first, last = ran(*arguments, "--views", 1)
    (path,) = folder.glob("*.answers")
    assert first == "view 1: 20 computed, 0 cached before"
    assert last == f"Small: logits of 20 images computed, 0 cached before; {path}"
    one, two, three, last = ran(*arguments, "--views", 3)
    assert one == "view 1: 0 computed, 20 cached before"
    assert [two, three] == [f"view {number}: 20 computed, 0 cached before" for number in (2, 3)]
    assert last == f"Small: logits of 40 images computed, 20 cached before; {path}"
    before = path.read_bytes()
    assert ran(*arguments, "--views", 3)[-1].startswith(
        "Small: logits of 0 images computed, 60 cached"
    )
    assert path.read_bytes() == before
    assert len(before) == 4096 + 60 * (20 + 2 * 4)


def test_a_training_finds_all_that_teach_has_cached(model, images, folder, ran):
    """It computes nothing more, which would be appended; test_evaluation_mode.py checks values."""
    ran("teach", model, "--images", images, "--views", 2)
    (path,) = folder.glob("*.answers")
    before, found = path.read_bytes(), []
    with Deel(seed=5):
        teacher, student = Network.load(model), small(name="Student")
        InputBatch(images, batch_size=6, views=2)

        def workout(x, t):
            found.extend(x.viewing.cache.store_of(teacher, x).get(x.pictures.keys)[0])
            student.classify(x)
            return student.backprop(teacher.batch_feature(x), distill=True)

        BatchTrain(workout, epochs=4)
    assert len(found) == 80
    assert all(found)
    assert list(folder.glob("*.answers")) == [path]
    assert path.read_bytes() == before


def test_teach_takes_the_choices_of_a_training(model, images, folder, ran):
    base = ("teach", model, "--images", images)
    for more in ((), ("--crop", "1"), ("--top", "2"), ("--views", "centre"), ("--no-mirror",)):
        assert ran(*base, *more)[-1].startswith("Small: ")
    _, *rows, _ = ran("cache", "list")
    # A centre view and one that is not mirrored differ in their keys.
    assert len(rows) == 3
    assert sum("top 2 and the rest" in row for row in rows) == 1


def test_a_training_with_augmentation_finds_what_teach_has_cached(model, images, folder, ran):
    recipe = ["random_resized_crop", {"name": "color_jitter", "hue": 0.1}]
    items = ("--augment", recipe[0], "--augment", json.dumps(recipe[1]))
    ran("teach", model, "--images", images, "--views", 2, *items)
    found = []
    for augment in (recipe, recipe[:1]):
        with Deel():
            teacher, student = Network.load(model), small(name="Student")
            InputBatch(images, views=2, augment=augment)

            def workout(x, t, teacher=teacher, student=student):
                found.extend(x.viewing.cache.store_of(teacher, x).get(x.pictures.keys)[0])
                return student.classify(x) and student.backprop(t)

            BatchTrain(workout, epochs=2)
    assert found == [True] * 40 + [False] * 40


@pytest.mark.parametrize(
    ("options", "choices"),
    [
        (("--alternate",), {"mirror": "alternate"}),
        (("--no-mirror", "--padding", "0.125"), {"mirror": False, "padding": 1 / 8}),
    ],
    ids=["alternate", "padded"],
)
def test_a_training_with_such_views_finds_what_teach_has_cached(
    model, images, folder, ran, options, choices
):
    ran("teach", model, "--images", images, "--views", 2, *options)
    found = []
    for more in (choices, {}):
        with Deel():
            teacher, student = Network.load(model), small(name="Student")
            InputBatch(images, views=2, **more)

            def workout(x, t, teacher=teacher, student=student):
                found.extend(x.viewing.cache.store_of(teacher, x).get(x.pictures.keys)[0])
                return student.classify(x) and student.backprop(t)

            BatchTrain(workout, epochs=2)
    assert all(found[:40])
    assert not all(found[40:])


@pytest.mark.parametrize("text", ["{grey}", '{"name": "grey"'])
def test_an_item_that_is_no_json_is_refused(text, model, images, capsys):
    with pytest.raises(SystemExit):
        main(["teach", str(model), "--images", str(images), "--augment", text])
    assert f"--augment: {text} is no JSON: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--views", "0"), "InputBatch(views=0)"),
        (("--views", "many"), "InputBatch(views='many')"),
        (("--top", "0"), "InputBatch(top=0)"),
        (("--crop", "3"), "InputBatch(crop=3.0)"),
        (("--batch-size", "0"), "InputBatch(batch_size=0)"),
        (("--mix", "soup"), "InputBatch(mix='soup')"),
        (("--root", "nowhere"), "there is no such folder"),
        (("--augment", "gray"), "InputBatch(augment=...): there is no 'gray'; did you mean 'grey'"),
        (("--augment", '{"name": "grey", "p": 2}'), "p= of grey is 2; give the probability"),
        (("--augment", "grey", "--views", "centre"), "InputBatch(views='centre', augment=...)"),
    ],
)
def test_teach_says_what_is_wrong(more, sentence, model, images, ran):
    (printed,) = ran("teach", model, "--images", images, *more, code=1)
    assert printed.startswith("deelish: ")
    assert sentence in printed


def test_an_untrained_network_cannot_teach(tmp_path, images, folder, ran):
    with Deel():
        path = small(name="New").save(tmp_path / "new.hdf5")
    (printed,) = ran("teach", path, "--images", images, code=1)
    assert printed == (
        "deelish: New: hidden, score has its initial weights, so that it cannot teach yet;"
        " train it first"
    )
    assert not folder.exists()


def test_teach_ends_where_nothing_can_be_cached(model, images, folder, capsys):
    folder.write_text("in the way")
    assert main(["teach", str(model), "--images", str(images)]) == 1
    error = capsys.readouterr().err
    assert error.endswith(
        "cannot be written any more; it holds logits of 0 images; make room, or name another"
        " folder in DEELISH_CACHE, and start again\n"
    )
    assert error.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_what_is_computed(model, tmp_path, folder, ran):
    for number in range(3):
        Image.new("L", (16, 16), 40 * number).save(tmp_path / f"grey{number}.png")
    images = tmp_path / "long.txt"
    images.write_text("".join(f"grey{number % 3}.png {number % 3}\n" for number in range(3000)))
    arguments = ["teach", str(model), "--images", str(images), "--views", "10000"]
    # A process that a shell has put into the background begins with SIGINT ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += f"from deelish.cli import main; raise SystemExit(main({json.dumps(arguments)}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while not list(Path(folder).glob("*.answers")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "deelish: stopped\n")
    assert "stopped by Ctrl-C; what is computed is cached, and the same command goes on" in output
    (printed,) = ran("cache", "check")
    assert printed.endswith("all sound")
