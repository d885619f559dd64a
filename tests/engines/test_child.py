"""Work in a process of its own: its reply, its errors, and its end with the one that started it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from forked import Child

from deelish.engines.child import ChildError, in_child

WORK = """
import os, sys, time
from deelish.engines.child import serve

def work(folder, kind, **given):
    (folder / "pid").write_text(str(os.getpid()))
    if kind == "error":
        raise ValueError("outer") from KeyError("inner reason\\nsecond line")
    if kind == "leaves":
        import subprocess
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        return {"left": left.pid}
    if kind == "killed":
        print("last words", flush=True)
        os.kill(os.getpid(), 9)
    if kind == "sleep":
        time.sleep(60)
    return given

serve(work, lambda error: "layer 7")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "its_work.py").write_text(WORK)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "code"), *sys.path])
    (tmp_path / "exchange").mkdir()
    return tmp_path / "exchange"


def test_the_reply_is_what_the_function_returns(folder):
    assert in_child("its_work", folder, {"kind": "", "number": 3}) == {"number": 3}
    assert not (folder / "reply.json.part").exists()


def test_an_error_is_its_cause_in_one_line_and_the_place(folder):
    with pytest.raises(ChildError, match=r"^inner reason$") as caught:
        in_child("its_work", folder, {"kind": "error"})
    assert caught.value.at == "layer 7"
    # An old reply is not taken for that of another request.
    with pytest.raises(ChildError, match=r"^its process ended with -9: last words$"):
        in_child("its_work", folder, {"kind": "killed"})


def test_processes_that_a_library_leaves_are_ended(folder):
    left = in_child("its_work", folder, {"kind": "leaves"})["left"]
    until = time.monotonic() + 30
    while Path(f"/proc/{left}/status").exists():
        if "zombie" in Path(f"/proc/{left}/status").read_text():
            return
        assert time.monotonic() < until
        time.sleep(0.05)


def test_it_ends_with_the_process_that_started_it(folder):
    child = Child(lambda: in_child("its_work", folder, {"kind": "sleep"}))
    until = time.monotonic() + 30
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    worker = int((folder / "pid").read_text())
    child.send(9)
    assert child.ended(10)
    while time.monotonic() < until:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("it still runs")
