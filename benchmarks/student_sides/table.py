"""The sides of one student in one precision, the ratios between them, and the table."""

from speed.sides import Side
from speed.table import ratio

from student_sides.recipe import STUDENTS

FRESH, CACHED, LABELS = "deelish", "deelish, cached logits", "deelish, labels alone"
TIMM, HAND = "timm's train.py", "hand-written PyTorch"
# Name of a ratio -> its sides, and the least that is required.
RATIOS = {
    "deelish_vs_timm": (FRESH, TIMM, 1.2),
    "deelish_vs_hand_written": (FRESH, HAND, 0.97),
    "cached_vs_labels": (CACHED, LABELS, 0.98),
}


def sides_of(student, precision, workers, checkout):
    """All sides of a student; cached logits and labels alone see the same recorded views."""
    common = {"student": student, "precision": precision}
    rivals = {**common, "workers": workers}
    jobs = [
        (FRESH, "ours:Train", {**common, "taught": True}),
        (TIMM, "timm_train:Train", {**rivals, "checkout": checkout}),
        (HAND, "hand_written:Train", rivals),
        (CACHED, "ours:Train", {**common, "taught": True, "views": 1}),
        (LABELS, "ours:Train", {**common, "taught": False, "views": 1}),
    ]
    return [Side(name, job, options, "student_sides") for name, job, options in jobs]


def ratios(sides):
    """The ratios of one student; None where a side was not run."""
    return {name: ratio(sides, *pair) for name, (*pair, _) in RATIOS.items()}


def lines(precision, found):
    """The table of one precision: a line for each side and each ratio, a column for each student.

    Args:
        found: for each student the `Found` of each side by name.
    """
    columns = list(found.values())
    yield "\n" + line(f"{precision}, images a second", [STUDENTS[name] for name in found])
    for name in columns[0]:
        rates = (sides[name].rate if sides[name].rates else None for sides in columns)
        yield line(f"  {name}", [shown(rate, 1) for rate in rates])
    measured = [ratios(sides) for sides in columns]
    for name, (*pair, least) in RATIOS.items():
        title = f"  {' / '.join(pair)}, at least {least}"
        yield line(title, [shown(each[name], 2) for each in measured])
    absent = {name: side.absent for sides in columns for name, side in sides.items() if side.absent}
    for name, reason in absent.items():
        yield f"  {name}: not run, as {reason}"


def line(title, values):
    """A line of the table."""
    return f"{title:<68}" + "".join(f"{value:>20}" for value in values)


def shown(value, digits):
    """A number, or a dash where nothing was measured."""
    return "-" if value is None else f"{value:.{digits}f}"
