"""The lines of a .tsv file: the fields of a sequence, and its label, divided by tabs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deelish.errors import DataError
from deelish.images.lists import read_text
from deelish.images.sample import LABEL

EXTENSION = ".tsv"


@dataclass(frozen=True, slots=True)
class Placed:
    """A sequence of a .tsv file, and where it is.

    Attributes:
        fields: the texts of the sequence: one, or of numbers several.
        source: the file as the user wrote it.
        line: counted from 1.
    """

    fields: tuple[str, ...]
    source: str
    line: int

    @property
    def where(self) -> str:
        """`train.tsv line 7`."""
        return f"{self.source} line {self.line}"


@dataclass(frozen=True, slots=True)
class Line(Placed):
    """One line as it is written.

    label: the text of its class; "" where that is empty, None where the line is one field.
    """

    label: str | None

    @property
    def is_numbered(self) -> bool:
        """Whether its label is the number of a class."""
        return self.label is not None and LABEL.fullmatch(self.label) is not None

    @property
    def _kind(self) -> str:
        if not self.label:
            return "missing"
        return "a number" if self.is_numbered else "a name"

    def check_alike(self, first: Line) -> None:
        """Refuse other fields than those of the first line, or a label of another kind.

        Raises:
            DataError: it names both lines.
        """
        other = f"line {first.line}" if first.source == self.source else first.where
        if _fields(self) != _fields(first):
            raise DataError(
                f"{self.where}: has {_fields(self)}, and {other} has {_fields(first)}; give all"
                " lines the same fields, divided by tabs"
            )
        if self._kind != first._kind:
            raise DataError(
                f"{self.where}: its label is {self._kind}, and that of {other} is {first._kind};"
                " give all lines the number of a class, or all its name, or none a label"
            )
        if self.is_numbered and int(self.label or 0) < 0:
            raise DataError(f"{self.where}: label {self.label} is negative; classes count from 0")


@dataclass(frozen=True, slots=True)
class SequenceSample(Placed):
    """One sequence of a list and its class.

    label: None where the sequences of the list have none.
    """

    label: int | None


def is_list_of_sequences(source: object) -> bool:
    """Whether it names a .tsv file."""
    return isinstance(source, str | Path) and Path(source).suffix.lower() == EXTENSION


def read_lines(source: str | Path) -> list[Line]:
    """The lines of a .tsv file that are not blank.

    The last of several fields is the label, and may be empty; one field alone is a sequence, whose
    targets are the next tokens. All lines have as many fields, and all have a label or none has.

    Raises:
        DataError: the file and its first wrong line.
    """
    found = []
    for number, text in enumerate(read_text(source).split("\n"), 1):
        if text.strip():
            *fields, label = text.rstrip("\r").split("\t")
            if fields:
                found.append(Line(tuple(fields), str(source), number, label.strip()))
            else:
                found.append(Line((label,), str(source), number, None))
    if not found:
        raise DataError(
            f"{source}: the list is empty; write a sequence on each line, and its label after a tab"
        )
    first = found[0]
    for line in found:
        line.check_alike(first)
    return found


def _fields(line: Line) -> str:
    count = len(line.fields)
    tail = "" if line.label is None else " and a label"
    return f"{count} field{'s' if count > 1 else ''}{tail}"
