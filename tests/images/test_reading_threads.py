"""Reads that never end, as on a dead network folder: an error names them, and the process ends."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from processes import environment

from deelish.errors import DataError
from deelish.images.decoding.decode import decode_for
from deelish.images.lists import read_samples
from deelish.images.loader import Loader
from deelish.images.reading_threads import InFlight, ReadingThreads
from deelish.plan.rendering import Rendering


@pytest.fixture
def hanging(monkeypatch):
    """Call it with names: their reads do not end before the test does."""
    end, names = threading.Event(), set()

    def read(path, *rest):
        if path.name in names:
            end.wait(60)
        return decode_for(path, *rest)

    monkeypatch.setattr("deelish.images.reading.decode_for", read)
    monkeypatch.setattr("deelish.images.reading_threads.READ_TIMEOUT", 0.4)
    monkeypatch.setattr("deelish.images.reading_threads.CLOSING", 0.2)
    yield lambda *which: names.update(which)
    end.set()


def loader_of(source, **options):
    loader = Loader(read_samples(source), **{"batch_size": 4, "seed": 5, **options})
    loader.renderings.add(Rendering(8, 10))
    return loader


@pytest.mark.torture("D1")
@pytest.mark.parametrize("on_bad_image", ["raise", "skip", "replace"])
def test_a_read_that_hangs_stops_with_its_line_and_path(source, hanging, on_bad_image):
    hanging("6.png")
    batches = loader_of(source, on_bad_image=on_bad_image).batches(0, False)
    assert next(batches).labels.tolist() == [0, 1, 2, 3]
    start = time.monotonic()
    message = r"^train.txt line 7: 6.png: reading has not ended for 0.4 seconds; look whether the"
    with pytest.raises(DataError, match=message):
        next(batches)
    assert time.monotonic() - start < 5


@pytest.mark.torture("D1")
def test_all_images_that_hang_are_named(source, monkeypatch):
    monkeypatch.setattr("deelish.images.reading_threads.READ_TIMEOUT", 0.4)
    in_flight, begun, end = InFlight(), threading.Barrier(4), threading.Event()

    def read(sample):
        in_flight.begin(sample)
        begun.wait(10)
        end.wait(60)

    with ReadingThreads(3, in_flight) as threads:
        tasks = [threads.submit(read, sample) for sample in read_samples(source)[:3]]
        begun.wait(10)
        with pytest.raises(DataError) as caught:
            threads.result(tasks[2])
        end.set()
    assert str(caught.value) == (
        "train.txt line 1: 0.png: reading has not ended for 0.4 seconds, nor that of train.txt line"
        " 2: 1.png, train.txt line 3: 2.png; look whether the disk or the network folder is still"
        " there, and start again"
    )


@pytest.mark.torture("D1")
def test_a_hang_of_an_image_that_is_rendered_again_is_found(source, hanging):
    batch = next(loader_of(source).batches(0, False))
    hanging("1.png")
    with pytest.raises(DataError, match=r"^train.txt line 2: 1.png: reading has not ended"):
        batch.pixels(Rendering(16, 20))


def test_slow_reads_are_no_hang(source, monkeypatch):
    def slow(path, *rest):
        time.sleep(0.1)
        return decode_for(path, *rest)

    monkeypatch.setattr("deelish.images.reading.decode_for", slow)
    monkeypatch.setattr("deelish.images.reading_threads.READ_TIMEOUT", 0.4)
    batches = loader_of(source, workers=1, batch_size=11).batches(0, False)
    assert len(next(batches)) == 11


def test_the_time_in_which_nobody_waits_does_not_count(source, hanging):
    hanging("10.png")
    batches = loader_of(source, workers=2).batches(0, False)
    next(batches)
    time.sleep(1)
    assert next(batches).labels.tolist() == [4, 5, 6, 7]


@pytest.mark.torture("D1")
def test_closing_does_not_wait_for_a_read_that_hangs(source, hanging):
    hanging("5.png")
    batches = loader_of(source, workers=1).batches(0, False)
    next(batches)
    start = time.monotonic()
    batches.close()
    assert time.monotonic() - start < 5


HUNG = """
    import sys, threading, time
    from deelish.images import ordinary_file, reading_threads
    from deelish.images.decoding import decode
    from deelish.images.lists import read_samples
    from deelish.images.loader import Loader
    # As a network folder that died after the list was read: opening the file never ends.
    ordinary_file.check_ordinary = lambda path, mode: None
    decode._check_file = lambda path: 1000
    reading_threads.READ_TIMEOUT = 0.5
    batches = Loader(read_samples(sys.argv[1]), batch_size=2, seed=0).batches(0, False)
    if sys.argv[2] == "wait":
        next(batches)
    threading.Thread(target=next, args=(batches,), daemon=True).start()
    time.sleep(0.3)
"""


@pytest.mark.torture("D1")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("how", ["wait", "leave"])
def test_the_process_ends_while_a_read_hangs_in_the_system(how, tmp_path):
    os.mkfifo(tmp_path / "dead.png")
    (tmp_path / "train.txt").write_text("dead.png 0\n")
    command = [sys.executable, "-c", textwrap.dedent(HUNG), str(tmp_path / "train.txt"), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment())
    if how == "wait":
        assert done.returncode == 1
        assert re.search(r"DataError: .*train.txt line 1: .*dead.png: reading has no", done.stderr)
    else:
        assert (done.returncode, done.stderr) == (0, "")


class _Raced(queue.SimpleQueue):
    """Its last task is taken by a thread right after somebody has seen that it is there."""

    def empty(self):
        was_empty = super().empty()
        while not super().empty():
            self.get_nowait()
        return was_empty


def test_closing_ends_where_a_thread_takes_the_last_task():
    threads = ReadingThreads(0, InFlight())
    threads._tasks = _Raced()
    task = threads.submit(print)
    closing = threading.Thread(target=threads.close, daemon=True)
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    assert task.cancelled()


def test_closing_ends_the_threads():
    with ReadingThreads(2, InFlight()) as threads:
        results = [threads.result(threads.submit(pow, number, 2)) for number in range(4)]
        assert sum(thread.is_alive() for thread in threads._threads) == 2
    assert results == [0, 1, 4, 9]
    assert not any(thread.is_alive() for thread in threads._threads)
