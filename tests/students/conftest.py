"""Fixtures of students, of a session and images of four classes; prints the table of families."""

import pytest
from helpers import write_set

from deelish import Deel, InputBatch

COLUMNS = ("family", "model", "size", "M parameters", "seconds", "export", "difference", "rounding")


@pytest.fixture
def corners(tmp_path):
    """(training list, validation list) of 24 and 8 images in four classes."""
    return write_set(tmp_path, "train", 24), write_set(tmp_path, "val", 8, first=24)


@pytest.fixture
def session():
    with Deel(seed=1) as deel:
        yield deel


@pytest.fixture
def sets(session, corners):
    return InputBatch(*corners, batch_size=8, crop=1, mirror=False, keep="memory")


def pytest_terminal_summary(terminalreporter):
    """Print the table of families, where their tests ran."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [
        value for report in reports for name, value in report.user_properties if name == "family"
    ]
    if not rows:
        return
    table = [COLUMNS, *sorted(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    terminalreporter.section("families of timm as students")
    for row in table:
        terminalreporter.write_line("  ".join(map(str.ljust, row, widths)).rstrip())
