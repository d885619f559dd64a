"""Segments on object storage: trainings, Teach and `deelish cache` read them, and write none."""

import numpy as np
import pytest
from clocks import with_clock
from distillation.teacher_cache.logits_by_key import check_right, keys_of, logits_of, opened
from distillation.teacher_cache.test_segments import write_part
from helpers import small, trained, write_set
from one_sentence import assert_fails

from deelish import BatchTrain, Deel, InputBatch, Network, Teach
from deelish.distillation.teacher_cache import shared
from deelish.errors import FileError, RemoteError


@pytest.fixture
def place(web, monkeypatch):
    """The shared folder, which is empty yet."""
    monkeypatch.setenv("DEELISH_SHARED_CACHE", f"{web.url}/cache?X-Amz-Signature=secret")
    return web


def put(web, path):
    """Move a file of this disk into the shared folder."""
    web.files[f"/cache/{path.name}"] = path.read_bytes()
    path.unlink()
    return f"/cache/{path.name}"


def test_a_store_finds_what_is_here_and_there(place, tmp_path, keys):
    others = keys_of(1, 30)
    put(place, write_part(tmp_path, others[:20], 1, 2))
    write_part(tmp_path, others[20:], 2, 2)
    opened(tmp_path).put(keys, logits_of(keys))
    check_right(opened(tmp_path), np.concatenate([others[:7], keys, others[7:]]))


def test_only_those_of_this_teacher_and_form_are_fetched(place, tmp_path, keys):
    path = put(place, write_part(tmp_path, keys))
    other = put(place, write_part(tmp_path, keys, top=5))
    check_right(opened(tmp_path), keys)
    assert place.count("GET", path) == 1
    assert place.count("GET", other) == 0


def test_they_are_fetched_once(place, tmp_path, keys):
    path = put(place, write_part(tmp_path, keys))
    for _ in range(3):
        check_right(opened(tmp_path), keys)
    assert place.count("GET", path) == 1


def test_a_part_that_is_here_is_not_fetched(place, tmp_path, keys):
    part = write_part(tmp_path, keys)
    data = part.read_bytes()
    path = put(place, part)
    part.write_bytes(data)
    check_right(opened(tmp_path), keys)
    assert place.count("GET", path) == 0


def test_those_that_come_are_found_after_a_minute(place, tmp_path, keys, monkeypatch):
    put(place, write_part(tmp_path, keys_of(1, 5), 1, 2))
    now = [1000.0]
    monkeypatch.setattr(shared, "time", with_clock(lambda: now[0]))
    store = opened(tmp_path)
    put(place, write_part(tmp_path, keys, 2, 2))
    assert not store.get(keys)[0].any()
    now[0] += 61
    check_right(store, keys)
    check_right(store, keys_of(1, 5))


def test_a_server_that_goes_stops_no_training(place, tmp_path, keys, monkeypatch, lines):
    put(place, write_part(tmp_path, keys))
    now = [1000.0]
    monkeypatch.setattr(shared, "time", with_clock(lambda: now[0]))
    store = opened(tmp_path)
    place.faults["/cache/"] = [403] * 9
    now[0] += 61
    check_right(store, keys)
    now[0] += 10
    check_right(store, keys)
    (line,) = lines()
    assert line.startswith(f"{place.url}/cache/: may not be read")
    assert line.endswith("; training goes on with those that are on this disk")


def test_a_folder_that_is_not_there_is_refused_at_once(place, tmp_path):
    place.faults["/cache/"] = [404]
    with pytest.raises(RemoteError, match=r"/cache/: is not there; correct the URL") as caught:
        opened(tmp_path)
    assert "secret" not in str(caught.value)


def test_a_path_goes_into_another_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("DEELISH_SHARED_CACHE", "/shared/cache")
    with pytest.raises(FileError, match=r"is no URL, .* goes into DEELISH_CACHE"):
        opened(tmp_path)


def test_a_damaged_one_is_reported_and_not_used(place, tmp_path, keys, lines):
    path = put(place, write_part(tmp_path, keys))
    place.files[path] = place.files[path][:-1]
    assert not opened(tmp_path).get(keys)[0].any()
    (line,) = lines()
    assert line.endswith("are needed; it is not used")


def test_a_training_on_s3_computes_no_logits(bucket, tmp_path, monkeypatch, capsys):
    source = write_set(tmp_path, "train", 12)
    with Deel(seed=0):
        InputBatch(source, mirror=False)
        trained(small("Teaching"), 1).save(tmp_path / "teacher.hdf5")
    with Deel(seed=0):
        teacher = Network.load(tmp_path / "teacher.hdf5")
        for part in ("1/3", "2/3", "3/3"):
            Teach(teacher, source, part=part, batch_size=4)
    cache = tmp_path / "cache"
    for path in cache.glob("*.segment"):
        bucket.put(str(path), f"bucket/cache/{path.name}")
        path.unlink()
    monkeypatch.setenv("DEELISH_SHARED_CACHE", "s3://bucket/cache")
    with Deel(seed=0):
        teacher, student = Network.load(tmp_path / "teacher.hdf5"), small()
        InputBatch(source, views=1, batch_size=4)
        monkeypatch.setattr(teacher, "logits", None)

        def workout(x, t):
            logits = teacher.batch_feature(x)
            student.classify(x)
            return student.backprop(t, distill=logits)

        BatchTrain(workout, epochs=1)
        capsys.readouterr()
        Teach(teacher, source, part="2/3", batch_size=4)
        assert capsys.readouterr().out.startswith("part 2/3: is there already; ")
        Teach(teacher, source, batch_size=4)
        assert "12 cached before" in capsys.readouterr().out
    assert list(cache.glob("*.answers")) == list(cache.glob("*.segment")) == []


def test_the_command_lists_and_checks_them(place, tmp_path, folder, ran, keys):
    folder.mkdir()
    path = put(place, write_part(folder, keys, 1, 2))
    place.requests.clear()
    heading, row, total = ran("cache", "list")
    assert heading.startswith("teacher")
    assert "1 of 2 parts" in row
    assert total.endswith(f"in {place.url}/cache/")
    (line,) = ran("cache", "check")
    assert line.startswith("Teacher (Teacher-")
    assert line.endswith(f" in {place.url}/cache/: 12 cached logits, all sound")
    ran("cache", "list", "Teacher")
    data = bytearray(place.files[path])
    data[4096 + 12 * 8 + 20] ^= 1
    place.files[path] = bytes(data)
    line = ran("cache", "check", code=1)[0]
    assert line.endswith("8 of 12 cached logits are damaged; write the file again")
    place.files[path] = b"nothing"
    (line,) = ran("cache", "check", code=1)[:1]
    assert "does not begin as a file of cached logits" in line


def test_merge_ship_and_clear_leave_them(place, folder, ran, keys, tmp_path, capsys):
    folder.mkdir()
    path = put(place, write_part(folder, keys, 1, 2))
    assert ran("cache", "merge") == []
    assert ran("cache", "clear", "--all") == [
        f"{folder}: no logits are cached there ($DEELISH_CACHE names another folder)"
    ]
    assert_fails(
        ["cache", "ship", "--to", tmp_path / "a.tar"], "there are no cached logits to ship", capsys
    )
    assert place.count("GET", path) == 0
