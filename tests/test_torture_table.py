"""The table of `make torture`: what it counts, and that a row without a test fails the run."""

import re
import subprocess
import sys

import pytest
from processes import environment
from torture_table import ROWS

TESTS = """
import pytest


@pytest.mark.torture("A1")
@pytest.mark.parametrize("value", [1, 2, 3])
def test_values(value):
    assert value != 2


@pytest.mark.torture("A1", "B5")
def test_that_is_skipped():
    pytest.skip("nothing to do")


@pytest.fixture
def broken():
    yield
    raise ValueError


@pytest.mark.torture("G3")
def test_whose_end_fails(broken):
    pass
"""
OTHERS = """
import pytest

@pytest.mark.torture({})
def test_of_each():
    pass
"""


def run(folder, source, *options):
    """The status of a run of such tests, and what it printed."""
    (folder / "test_some.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = torture\n")
    command = [sys.executable, "-m", "pytest", "-p", "torture_table", "-q", *options]
    made = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=100
    )
    return made.returncode, made.stdout


def cells(shown, row):
    (line,) = re.findall(rf"^{row} .*$", shown, re.MULTILINE)
    return re.split("  +", line.strip())


@pytest.mark.parametrize(
    "options", [[], pytest.param(["-n", "2"], marks=pytest.mark.long)], ids=["alone", "xdist"]
)
def test_each_test_is_counted_once_in_each_of_its_rows(tmp_path, options):
    status, shown = run(tmp_path, TESTS, *options)
    assert status == 1
    assert cells(shown, "row")[2:] == ["tests", "passed", "failed", "skipped", "seconds"]
    assert cells(shown, "A1")[2:6] == ["4", "2", "1", "1"]
    assert cells(shown, "B5")[2:6] == ["1", "0", "0", "1"]
    assert cells(shown, "G3")[2:6] == ["1", "0", "1", "0"]
    assert cells(shown, "C1")[2:] == ["missing"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (list(ROWS), None),
        (list(ROWS)[:-1], f"missing: {list(ROWS)[-1]}"),
        ([*ROWS, "H9"], "unknown: H9"),
    ],
    ids=["all", "one missing", "one unknown"],
)
def test_a_run_passes_where_each_row_of_the_page_and_no_other_has_a_test(tmp_path, rows, said):
    status, shown = run(tmp_path, OTHERS.format(repr(rows)[1:-1]))
    assert status == (1 if said else 0), shown
    assert said is None or said in shown.splitlines()
