"""Prints the table of families after `make families`."""

COLUMNS = ("family", "model", "size", "M parameters", "seconds", "export", "difference")


def pytest_terminal_summary(terminalreporter):
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
