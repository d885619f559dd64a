"""A script that opens no session has one all the same, whatever it makes first."""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest
from helpers import small, trained, write_set
from prepared import run_script
from torture import scaled

from deelish import BatchTrain, Deel, InputBatch, Layer, Network, Teacher
from deelish.language.session import current_session

FIRST = {
    "teacher": "made = Teacher(lambda x: x.mean((2, 3)), size=8, mean=0, scale=1, labels=3)",
    "network": "made = Network([Layer('score', 'InnerProduct', num_output=2)], in_size=8)",
    "images": "made = Input(np.zeros((8, 8), np.uint8))",
}


@pytest.mark.parametrize("line", FIRST.values(), ids=FIRST)
def test_what_is_made_before_any_session_is_in_the_current_one(tmp_path, line):
    lines = [
        "import numpy as np",
        "from deelish import *",
        line,
        "from deelish.language.session import current_session",
        "session = current_session()",
        "print(type(session).__name__, made.engine is session.engine)",
    ]
    status, printed, errors = run_script(tmp_path, "\n".join(lines), env=os.environ)
    assert status == 0, errors
    assert printed.splitlines()[-1] == "Deel True"


def open_files():
    """How many files this process has open."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("the system does not list open files")
    return len(list(folder.iterdir()))


def resident():
    """Bytes of memory that this process holds, of which nothing is shared with a file."""
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


def cell(folder, kept, monkeypatch):
    """What a notebook's cell does that is run again: a session, a training, a teacher cache."""
    monkeypatch.setenv("DEELISH_CACHE", str(folder / "cache"))
    deel = Deel(seed=1)
    InputBatch(folder / "train.txt", batch_size=8, crop=1, views=1, keep="disk")
    teacher = Teacher(trained(small("Teacher"), 1))
    student = small("Student")

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    BatchTrain(workout, epochs=1)
    kept.append([weakref.ref(each) for each in (deel, student, teacher, deel.dataset)])


def test_a_cell_that_is_run_again_releases_what_it_made_before(tmp_path, monkeypatch):
    write_set(tmp_path, "train", 16)
    kept, files = [], []
    with Deel():
        for _ in range(4):
            cell(tmp_path, kept, monkeypatch)
            gc.collect()
            files.append(open_files())
        assert files[1:] == files[1:2] * 3
        for made in kept[:-1]:
            assert [each() for each in made] == [None] * 4


def test_a_session_that_a_bare_one_replaces_is_released_when_that_is_used():
    with Deel():
        first = weakref.ref(Deel(seed=1))
        assert first() is current_session()
        Deel(seed=2)
        small()
        gc.collect()
        assert first() is None


def test_a_block_gives_the_name_back_to_a_session_that_no_variable_holds():
    with Deel():
        Deel(seed=1)
        small("Before")
        with Deel(seed=2) as inner:
            assert current_session() is inner
            small("Within")
        assert current_session().seed == 1
        assert [each.name for each in current_session().networks] == ["Before"]


def test_a_session_may_be_opened_as_a_block_after_it_was_used():
    with Deel() as outer:
        first, second = Deel(seed=1), Deel(seed=2)
        small()
        with second:
            assert current_session() is second
        assert current_session() is first
        with first, outer:
            assert current_session() is outer


@pytest.mark.torture("G1")
def test_networks_that_are_dropped_leave_neither_memory_nor_files():
    count, growth = scaled(200), []
    with Deel():
        large()
        files = open_files()
        # What the system gives back late makes one round grow; a leak makes all of them grow.
        for _ in range(4):
            before = resident()
            for _ in range(count):
                large()
            gc.collect()
            growth.append((resident() - before) / count)
        assert open_files() == files
        # A network has 8 MB.
        assert min(growth) < 4e6


def large():
    """A network of 8 MB, which ran once."""
    rows = [
        Layer("hidden", "InnerProduct", num_output=660),
        Layer("score", "InnerProduct", num_output=4),
    ]
    made = Network(rows, in_size=32, labels=4)
    made.run({"data": np.zeros((1, 3, 32, 32), np.float32)})
