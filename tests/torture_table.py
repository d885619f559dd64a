"""A pytest plugin: prints a table of what became of each row of docs/reliability.md.

`pytest -m torture -p torture_table`. A test says by its marker, `torture("A1")`, of which row it
is. A row without any test makes the run fail.
"""

from collections.abc import Iterable, Iterator

import pytest

PROPERTY = "torture"
# What the tests of each row do.
ROWS = {
    "A1": "caffemodels changed at random",
    "A2": "caffemodels made to take memory or time",
    "A3": "weights beside protobuf's and OpenCV's",
    "A4": "prototxts changed at random, and endless ones",
    "A5": "every weight has its bytes in the file",
    "B1": "trainings killed at random moments",
    "B2": "an end at every moment of a save",
    "B3": "going on where numbers round otherwise",
    "B4": "full disks",
    "B5": "places that cannot be written",
    "B6": "files with one flipped bit, or cut",
    "C1": "lists with corrupt images",
    "C2": "odd images that are valid",
    "C3": "memory and parsers that images reach",
    "D1": "reads that hang, processes that die",
    "D2": "Ctrl-C at random moments",
    "D3": "SIGTERM and SIGHUP",
    "E1": "numbers that are not finite",
    "E2": "losses that jump",
    "F1": "hostile files of weights",
    "F2": "hostile paths in lists of images",
    "G1": "long runs: memory and open files",
    "G2": "the same script gives the same bits",
    "G3": "two processes in one place",
}
OUTCOMES = ("passed", "failed", "skipped")
HEADING = ("row", "what it is", "tests", *OUTCOMES, "seconds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note the rows of each test where pytest-xdist carries them along."""
    for item in items:
        for marker in item.iter_markers("torture"):
            item.user_properties += [(PROPERTY, row) for row in marker.args]


def pytest_configure(config: pytest.Config) -> None:
    """Count in the process that sees all reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table())


class Table:
    """What became of the tests of each row."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, str]] = {row: {} for row in ROWS}
        self.seconds = dict.fromkeys(ROWS, 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of a test: a test fails where its fixtures do."""
        for row in _rows(report.user_properties):
            outcomes = self.outcomes.setdefault(row, {})
            before = outcomes.get(report.nodeid, "passed")
            outcomes[report.nodeid] = report.outcome if before == "passed" else before
            self.seconds[row] = self.seconds.get(row, 0) + report.duration

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where a row has no test, or one that the bar does not have."""
        if session.exitstatus == pytest.ExitCode.OK and (self.missing() or self.unknown()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table."""
        terminalreporter.section("rows of docs/reliability.md")
        for line in self.lines():
            terminalreporter.write_line(line)
        for kind, rows in (("missing", self.missing()), ("unknown", self.unknown())):
            if rows:
                terminalreporter.write_line(f"{kind}: {', '.join(rows)}")

    def missing(self) -> list[str]:
        """The rows that no test is of."""
        return [row for row in ROWS if not self.outcomes[row]]

    def unknown(self) -> list[str]:
        """The rows of tests that the bar does not have."""
        return sorted(self.outcomes.keys() - ROWS.keys())

    def lines(self) -> Iterator[str]:
        """The table, its columns aligned."""
        cells = [HEADING, *map(self._cells, sorted(self.outcomes))]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            left = [text.ljust(width) for text, width in zip(row[:2], widths[:2], strict=True)]
            right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
            yield "  ".join([*left, *right]).rstrip()

    def _cells(self, row: str) -> tuple[str, ...]:
        found = list(self.outcomes[row].values())
        if not found:
            return row, ROWS[row], "missing", *(len(HEADING) - 3) * [""]
        counts = [str(found.count(outcome)) for outcome in OUTCOMES]
        what = ROWS.get(row, "is no row of it")
        return row, what, str(len(found)), *counts, f"{self.seconds[row]:.0f}"


def _rows(properties: Iterable[tuple[str, object]]) -> list[str]:
    return [str(value) for name, value in properties if name == PROPERTY]
