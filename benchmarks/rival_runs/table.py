"""The table of rivals.py, and what stands below it."""

import statistics

HEADS = ("lines", "networks", "accuracy", "spread", "seconds", "in all", "peak MB")


def lines(rows, notes, used, left_out):
    """The lines of the table, of the notes on its rows, of the rows left out, and of versions."""
    yield f"\n{'':<18}" + "".join(f"{head:>10}" for head in HEADS)
    yield from (line(name, row) for name, row in rows.items())
    yield ""
    yield from (f"{name}: {notes[name]}" for name in rows if notes[name])
    yield from (f"{name}: left out, as {reason}" for name, reason in left_out.items())
    # The rows of one tool have one environment.
    for name, packages in {row.partition(",")[0]: used[row] for row in used}.items():
        yield f"{name}: " + ", ".join(" ".join(pair) for pair in packages.items())


def line(name, row):
    """A row: its lines, and the means over its seeds."""
    values = {key: [made[key] for made in row["runs"]] for key in row["runs"][0]}
    mean = {key: statistics.mean(each) for key, each in values.items()}
    spread = max(values["accuracy"]) - min(values["accuracy"])
    return (
        f"{name:<18}{row['lines']:>10}{row['network_lines'] or '-':>10}"
        f"{mean['accuracy']:>10.2%}{spread:>10.2%}{mean['seconds']:>10.1f}"
        f"{mean['seconds_in_all']:>10.1f}{mean['peak_mb']:>10.0f}"
    )
