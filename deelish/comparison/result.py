"""The result of a comparison: a table at the prompt, rows by name, JSON, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from deelish.common.checks import is_count
from deelish.common.html import details, quietly, table
from deelish.common.processes import is_rank_zero
from deelish.comparison.confusion import Confusion
from deelish.comparison.html import page
from deelish.comparison.numbers import ComparisonNumbers
from deelish.comparison.table import Row, cells, missing, text
from deelish.comparison.worst import Worst
from deelish.errors import DataError, FileError
from deelish.storage.atomic import check_target, write_file


class Comparison(ComparisonNumbers):
    """The numbers of a teacher and its students, which print as a table.

    ``report["student"]["accuracy"]`` is one of them.

    Attributes:
        rows: for "teacher", "student", "student int8" (of several: "student 1", ...) the numbers by
            name: accuracy with accuracy_low and accuracy_high, agreement, agreement_at_5, kl, ece,
            reliability, parameters, multiply_adds, file_bytes, memory_bytes, ms_1, ms_32, with int8
            onnx_ms_1 and onnx_ms_32, which onnxruntime takes in float32 too, fits, and `missing`,
            the reason where there are none. Fractions are from 0 to 1.
        classes: for each student, a row for each true class: label, name, images, agreement,
            accuracy.
        different: for each student, the images on which it differs most from the teacher.
        confusions: for each network, a row for each pair of true and predicted class that occurs:
            their names, their numbers, and how many images.
        device: the device of `fits=`, or None.
        notes: how the numbers were measured.
    """

    def __getitem__(self, key: str) -> Row:
        if not isinstance(key, str) or key not in self.rows:
            raise DataError(f"the report has no row {key!r}; it has: {', '.join(self.rows)}")
        return self.rows[key]

    def worst(self, count: int = 12, student: str | None = None) -> Worst:
        """The images on which a student differs most from the teacher, for `Show` or a notebook.

        ``Show(comparison.worst(6), save="worst.png")``

        Args:
            count: how many, at most 12.
            student: its row in the report; left out, the first one.

        Raises:
            DataError: there is no such row, or the networks have no images or no classes.

        >>> report = Compare(teacher, student, test="data/test.txt")
        >>> print(report.worst(1))
        data/...png: ...
        """
        if not is_count(count):
            raise DataError(f"worst({count!r}): give how many images, a whole number above 0")
        rows = self._rows_of(self.different, student, "worst")
        return Worst(rows[:count], self.locations)

    def confusion(self, network: str | None = None) -> Confusion:
        """Which classes a network takes for which, for `Show`, a notebook or the prompt.

        ``Show(comparison.confusion("student"), save="confusion.png")``

        Args:
            network: its row in the report, such as "teacher"; left out, the first student.

        Raises:
            DataError: there is no such row, or the networks have no classes.

        >>> Compare(teacher, student, test="data/test.txt").confusion("teacher")
             cat  dog  (predicted; a row for each true class)
        cat    2    0
        dog    0    2
        """
        return Confusion(self._rows_of(self.confusions, network, "confusion"))

    def _rows_of(
        self, found: Mapping[str, Sequence[Row]], key: str | None, verb: str
    ) -> Sequence[Row]:
        """Those of a network, the first student where none is named.

        Raises:
            DataError: there is no such network, or the networks have no classes.
        """
        if not found:
            raise DataError(f"{verb}: these networks have no classes, so that none is confused")
        key = next(iter(self.different)) if key is None else key
        if key not in found:
            raise DataError(f"{verb}: there is no network {key!r}; there is {', '.join(found)}")
        return found[key]

    def _ipython_key_completions_(self) -> list[str]:
        """What a prompt offers after ``report["``."""
        return list(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            "rows": {key: dict(row) for key, row in self.rows.items()},
            "classes": {key: list(map(dict, rows)) for key, rows in self.classes.items()},
            "different": {key: list(map(dict, rows)) for key, rows in self.different.items()},
            "confusions": {key: list(map(dict, rows)) for key, rows in self.confusions.items()},
            "device": None if self.device is None else self.device.to_dict(),
            "notes": list(self.notes),
        }

    def save(self, path: str | Path) -> Path:
        """Write one HTML file that needs no other; an old one stays until the new one is whole.

        Of several processes rank 0 writes.

        Raises:
            FileError: another extension than .html, or a folder that cannot be written.
            DataError: an image that the page shows is missing.

        >>> Compare(teacher, student, test="data/test.txt").save("report.html").name
        'report.html'
        """
        target = checked_page(path)
        if not is_rank_zero():
            return target
        content = page(self)
        # The name of a file may hold bytes that are no text.
        write_file(target, content.encode("utf-8", "replace"))
        return target

    @quietly
    def _repr_html_(self) -> str:
        """The table, and how it was measured, for a notebook."""
        head, *lines = cells(self.rows, None if self.device is None else self.device.name)
        texts = (escape(line) for line in (*missing(self.rows), *self.notes))
        notes = "".join(f"<p>{text}</p>" for text in texts)
        return table(head, lines) + details("how it was measured", notes)

    def __repr__(self) -> str:
        return text(self.rows, None if self.device is None else self.device.name, self.notes)


def checked_page(path: str | Path) -> Path:
    """The path of a page.

    Raises:
        FileError: another extension than .html, no such folder, or a path that cannot be written.
    """
    if not isinstance(path, str | Path):
        raise FileError(f"the report cannot be saved as {path!r}; give the path of an .html")
    target = Path(path)
    if target.suffix.lower() != ".html":
        raise FileError(f"{path}: the report is a page; give a name with the extension .html")
    if not target.parent.is_dir():
        raise FileError(f"{path}: there is no folder {target.parent}; make it first")
    check_target(target)
    return target
