"""Segments of a teacher cache: the store finds what they hold; parts, merges, what is refused."""

import shutil
from itertools import chain

import numpy as np
import pytest
from distillation.teacher_cache.logits_by_key import (
    CLASSES,
    IDENTITY,
    check_right,
    keys_of,
    logits_of,
    opened,
)
from helpers import small, write_set

from deelish import BatchTrain, Deel, InputBatch, Network, Teach, Teacher
from deelish.distillation.teacher_cache import segments
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.distillation.teacher_cache.parts import BatchRange, ranges
from deelish.distillation.teacher_cache.segments import Part, SegmentHeader
from deelish.distillation.teacher_cache.store import open_store
from deelish.errors import DataError
from deelish.storage.segment import in_order


def write_part(folder, keys, number=1, count=1, task="t" * 64, **kwargs):
    """A part with the logits of these keys."""
    of = opened(folder, **kwargs).header
    packed, _ = of.form.pack(logits_of(keys))
    header = SegmentHeader(of, part=Part(number, count, task, "deelish teach x"))
    return segments.write(header, folder, [in_order(keys, packed)])


def test_a_store_finds_what_segments_and_its_file_hold(tmp_path, keys):
    others = keys_of(1, 30)
    write_part(tmp_path, others[:20], 1, 2)
    write_part(tmp_path, others[20:], 2, 2)
    opened(tmp_path).put(keys, logits_of(keys))
    store = opened(tmp_path)
    mixed = np.concatenate([others[:7], keys, others[7:]])
    check_right(store, mixed)
    assert len(store) == 42
    found, logits = store.get(np.concatenate([keys_of(2, 3), others]))
    assert found.tolist() == [False] * 3 + [True] * 30
    assert np.isnan(logits[:3]).all()


def test_those_of_another_teacher_or_form_are_not_found(tmp_path, keys):
    write_part(tmp_path, keys, top=5)
    assert not opened(tmp_path).get(keys)[0].any()
    assert opened(tmp_path, top=5).get(keys)[0].all()


def test_of_equal_keys_the_first_segment_counts(tmp_path, keys):
    of = opened(tmp_path).header
    for number, logits in enumerate((logits_of(keys), logits_of(keys) + 1), start=1):
        header = SegmentHeader(of, part=Part(number, 2, "t" * 64, ""))
        segments.write(header, tmp_path, [in_order(keys, of.form.pack(logits)[0])])
    check_right(opened(tmp_path), keys)


def test_one_renamed_to_another_teacher_is_not_read_from(tmp_path, keys):
    path = write_part(tmp_path, keys)
    other = open_store({**IDENTITY, "fingerprint": "0" * 64}, CLASSES, folder=tmp_path)
    path.rename(tmp_path / f"{other.header.stem}.segment")
    other = open_store({**IDENTITY, "fingerprint": "0" * 64}, CLASSES, folder=tmp_path)
    assert not other.get(keys)[0].any()


def test_a_store_notices_segments_that_come_and_go(tmp_path, keys):
    store = opened(tmp_path)
    assert not store.get(keys)[0].any()
    path = write_part(tmp_path, keys)
    check_right(store, keys)
    path.unlink()
    assert not store.get(keys)[0].any()


def test_what_is_in_a_segment_is_not_cached_again(tmp_path, keys):
    write_part(tmp_path, keys)
    store = opened(tmp_path)
    found, _ = store.get(keys)
    assert found.all()
    assert not store.path.exists()


def test_a_damaged_record_is_reported_and_cached_again(tmp_path, keys, lines):
    path = write_part(tmp_path, keys)
    data = bytearray(path.read_bytes())
    data[4096 + 12 * 8 + 20] ^= 1
    path.write_bytes(data)
    store = opened(tmp_path)
    # One checksum is for eight.
    assert store.get(keys)[0].sum() == 4
    (line,) = lines()
    assert line.startswith(f"{path}: holds damaged logits, which are computed again; ")
    store.put(keys, logits_of(keys))
    check_right(store, keys)


def test_one_that_is_cut_short_is_reported_and_left_alone(tmp_path, keys, lines):
    path = write_part(tmp_path, keys)
    path.write_bytes(path.read_bytes()[:-1])
    store = opened(tmp_path)
    assert not store.get(keys)[0].any()
    (line,) = lines()
    assert line.startswith(f"{path}: has ")
    assert line.endswith("are needed; it is not used")


@pytest.mark.parametrize("batches", [1, 3, 7, 20])
@pytest.mark.parametrize("views", [1, 2, 5])
def test_parts_have_each_batch_of_each_view_once_and_in_order(batches, views):
    whole = [(view, batch) for view in range(1, views + 1) for batch in range(batches)]
    for count in {1, 2, batches, batches * views}:
        if count > batches * views:
            continue
        parts = [ranges(batches, views, number, count) for number in range(1, count + 1)]
        each = [[(r.view, b) for r in part for b in range(r.first, r.end)] for part in parts]
        assert list(chain.from_iterable(each)) == whole
        sizes = [len(part) for part in each]
        assert max(sizes) - min(sizes) <= 1


def test_more_parts_than_batches_are_refused():
    assert ranges(2, 2, 4, 4) == [BatchRange(2, 1, 2)]
    with pytest.raises(DataError, match="5/5: there are 4 batches, so at most as many parts"):
        ranges(2, 2, 5, 5)


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path, "train", 21)


@pytest.fixture
def teach(model, images, ran):
    """`deelish teach` with more arguments, the images in batches of 4."""
    whole = ("teach", model, "--images", images, "--batch-size", 4, "--views", 3)
    return lambda *more, **kwargs: ran(*whole, *more, **kwargs)


def test_parts_in_any_order_are_the_bytes_of_one_pass(teach, folder, ran, tmp_path):
    # One pass in one process, in the file that trainings append to.
    teach()
    (line,) = ran("cache", "merge")
    assert line.startswith("Small: 1 file became one with 63 cached logits; ")
    (whole,) = folder.glob("*.segment")
    whole = whole.rename(tmp_path / "whole")
    for number in (5, 2, 7, 1, 6, 4, 3):
        (line,) = teach("--part", f"{number}/7")
        assert "logits of" in line
    assert sum(file.count for file in logits_files(folder)) == 63
    listed = "\n".join(ran("cache", "list"))
    assert "7 of 7 parts, Small-" in listed
    (line,) = ran("cache", "merge")
    assert line.startswith("Small: 7 files became one with 63 cached logits; ")
    (merged,) = folder.glob("*.segment")
    # The header says which pass it is.
    assert merged.read_bytes()[4096:] == whole.read_bytes()[4096:]


def test_a_training_finds_all_that_the_parts_hold(teach, model, images, folder):
    for number in (1, 2):
        teach("--part", f"{number}/2")
    with Deel(seed=5):
        teacher, student = Network.load(model), small(name="Student")
        InputBatch(images, batch_size=6, views=3)

        def workout(x, t):
            assert x.viewing.cache.store_of(teacher, x).get(x.pictures.keys)[0].all()
            student.classify(x)
            return student.backprop(teacher.batch_feature(x), distill=True)

        BatchTrain(workout, epochs=3)
    assert not list(folder.glob("*.answers"))


def test_a_part_that_is_there_is_not_computed_again(teach, folder, ran):
    for number in (1, 2):
        teach("--part", f"{number}/2")
    (line,) = teach("--part", "2/2")
    assert line.startswith("part 2/2: is there already; ")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    teach("--part=2/2")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    ran("cache", "merge")
    # Nor where the parts have become one file.
    (line,) = teach("--part", "1/2")
    assert line.startswith("part 1/2: is there already; ")


def test_a_missing_part_is_named_with_its_command(teach, model, images, folder, ran):
    for number in (1, 4):
        teach("--part", f"{number}/7")
    before = sorted(folder.iterdir())
    (line,) = ran("cache", "merge", code=1)
    command = f"deelish teach {model} --images {images} --batch-size 4 --views 3"
    assert line == (
        f"deelish: {folder}: 5 of 7 parts are missing, 2/7, 3/7, 5/7, 6/7, 7/7; make the first with"
        f" `{command} --part 2/7`"
    )
    assert sorted(folder.iterdir()) == before


def test_parts_of_another_list_or_recipe_do_not_fill_in(teach, folder, ran, images):
    teach("--part", "1/2")
    teach("--part", "2/2", "--padding", "0.1")
    (line,) = ran("cache", "merge", code=1)
    assert "1 of 2 parts are missing, " in line
    assert line.endswith("; parts of 2 passes are there")


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "1/2/3", "a/b", "-1/2", "1.5/2", ""])
def test_what_is_no_part_is_refused(teach, folder, text):
    (line,) = teach(f"--part={text}", code=1)
    assert line == (
        f"deelish: --part {text}: give which part of how many it is, from 1/1000 to 1000/1000"
    )
    assert not folder.exists()


def test_damage_in_a_segment_is_counted_and_dropped(teach, folder, ran):
    teach("--part", "1/1")
    (path,) = folder.glob("*.segment")
    data = bytearray(path.read_bytes())
    data[4096 + 63 * 8 + 30] ^= 1
    path.write_bytes(data)
    (line,) = ran("cache", "check", code=1)
    cure = "; they are computed again, and --repair drops them"
    # One checksum is for eight.
    assert line.endswith(f": 8 of 63 cached logits are damaged{cure}")
    (line,) = ran("cache", "check", "--repair")
    assert line.endswith(" are damaged, now dropped")
    (line,) = ran("cache", "check")
    assert line.endswith(": 55 cached logits, all sound")
    ran("cache", "clear", "--all")
    assert not list(folder.glob("*.segment"))


def test_a_damaged_part_is_not_merged(teach, model, images, folder, ran):
    for number in (1, 2):
        teach("--part", f"{number}/2")
    path = next(folder.glob("*2-of-2.segment"))
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    before = sorted(folder.iterdir())
    (line,) = ran("cache", "merge", code=1)
    command = f"deelish teach {model} --images {images} --batch-size 4 --views 3 --part 2/2"
    assert line.startswith(f"deelish: {path}: ")
    assert line.endswith(f" logits are damaged; remove it, and make it with `{command}`")
    assert sorted(folder.iterdir()) == before
    path.unlink()
    teach("--part", "2/2")
    assert ran("cache", "merge")[0].startswith("Small: 2 files became one with 63")


def test_a_part_without_a_good_image_is_one_sentence(model, images, folder):
    for number in range(21):
        (images.parent / f"{number}.png").write_bytes(b"no image")
    with Deel(), pytest.raises(DataError, match="none of its images can be used"):
        Teach(Network.load(model), images, on_bad_image="skip", part="2/2", batch_size=4)
    assert not folder.exists()


def test_another_machine_has_the_images_in_another_folder(teach, ran, tmp_path, model):
    teach("--part", "1/2")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (*tmp_path.glob("*.png"), tmp_path / "train.txt"):
        shutil.copy(path, elsewhere)
    images = ("--images", elsewhere / "train.txt", "--batch-size", 4, "--views", 3)
    (line,) = ran("teach", model, *images, "--part", "1/2")
    assert line.startswith("part 1/2: is there already; ")


def test_a_list_of_absolute_and_relative_paths_has_parts_too(ran, images, model, monkeypatch):
    first, *rest = images.read_text().splitlines()
    monkeypatch.chdir(images.parent)
    images.write_text("\n".join([f"{images.parent}/{first}", *rest]))
    *_, line = ran("teach", model, "--images", images.name, "--batch-size", 4, "--part", "1/2")
    assert line.startswith("part 1/2: logits of 12 images computed")


def test_another_pass_is_not_in_a_merged_file(teach, ran):
    teach("--part", "1/1")
    ran("cache", "merge")
    (line,) = teach("--part", "1/1", "--views", "4")
    assert "logits of 84 images computed" in line


def test_logits_beyond_half_precision_are_left_out(session, images, folder):
    def by_brightness(pixels):
        """Beyond half precision for one class of every other shade."""
        light = np.asarray(pixels).reshape(len(pixels), -1).mean(1)
        logits = np.stack([light, -light, light, light], 1).astype(np.float32)
        logits[(light * 100).astype(int) % 2 == 1, 3] = 1e5
        return logits

    teacher = Teacher(by_brightness, size=16, mean=0, scale=1, labels=4, key="v1", name="Odd")
    choices = {"batch_size": 4, "mirror": False, "crop": 1, "views": 1}
    Teach(teacher, images, **choices, part="1/1")
    (file,) = logits_files(folder)
    assert 0 < file.count < 21
    student, seen = small(name="Student"), []
    InputBatch(images, **choices)

    def workout(x, t):
        store = x.viewing.cache.store_of(teacher, x)
        for found, logits in zip(*store.get(x.pictures.keys), strict=True):
            seen.append(found)
            # The light is that of this image: the other classes follow from it.
            assert not found or logits[0] == -logits[1] == logits[2]
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=1)
    assert sum(seen) == file.count


def test_a_kill_leaves_a_part_whole_or_not_there(teach, folder, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(segments, "write_segment", killed)
    teach("--part", "1/2", code=130)
    assert not list(folder.glob("*"))
    monkeypatch.undo()
