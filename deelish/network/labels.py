"""Label names: from a file, a list or a count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.checks import is_count
from deelish.errors import DataError, MissingDataError

Labels = str | Path | Sequence[str] | int
# Published lists of so many names or more have a name twice: two classes of ImageNet are "crane".
# Where that matters, class folders and classes of a teacher, it is refused there.
PUBLISHED = 1000


@dataclass(frozen=True)
class LabelNames:
    """How many classes, and their names where they have any."""

    count: int
    names: list[str] | None

    @classmethod
    def of(cls, labels: Labels) -> LabelNames:
        """A file with one name a line, a list of names, or a count.

        Raises:
            DataError: no such file, an empty one, a blank name, a name twice, or a count below one.
        """
        if isinstance(labels, bool | bytes) or not isinstance(labels, int | str | Path | Sequence):
            raise DataError(f"labels={labels!r}: give a file, a list of names, or a count")
        if isinstance(labels, int):
            if labels < 1:
                raise DataError(f"labels={labels}: give a count of at least one class")
            return cls(labels, None)
        names = _read(Path(labels)) if isinstance(labels, str | Path) else _texts(labels)
        if not names:
            raise DataError(f"labels={labels!r}: there is no name in it; give one name a class")
        _check(names, labels)
        return cls(len(names), names)


def names_for(labels: Labels, name: str, outputs: int) -> list[str] | None:
    """The names of the classes of a network that has so many outputs.

    Raises:
        DataError: they are not as many.
    """
    names = LabelNames.of(labels)
    if names.count != outputs:
        raise DataError(
            f"labels file {labels}: names {names.count} classes, and {name} has {outputs} outputs;"
            " give a name for each"
        )
    return names.names


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MissingDataError(
            f"labels file {path}: not found in {Path.cwd()}; give its path, a list of names, or a"
            " count"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"labels file {path}: cannot be read ({error}); save it as UTF-8, one name a line"
        ) from None
    # Blank lines at the end name nothing; one before a name would shift all that follow.
    return [line.strip() for line in text.rstrip().splitlines()]


def _texts(labels: Iterable[Any]) -> list[str]:
    """The names in a list; whole numbers may be names too."""
    for number, name in enumerate(labels, 1):
        if not isinstance(name, str | int | np.integer) or isinstance(name, bool):
            raise DataError(f"labels=: name {number} is {name!r}; give a text for each class")
    return [str(name) for name in labels]


def _check(names: Sequence[str], labels: Labels) -> None:
    """Refuse names that would name a class wrongly."""
    of_file = isinstance(labels, str | Path)
    where = f"labels file {labels} line" if of_file else "labels=: name"
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise DataError(
                f"{where} {number}: is blank, and each one names a class; write its name, or take"
                " it out"
            )
        if first.setdefault(name, number) != number and len(names) < PUBLISHED:
            raise DataError(
                f"{where} {number}: {name!r} is also {'line' if of_file else 'name'}"
                f" {first[name]}; give each class a name of its own, such as 'crane (bird)'"
            )


def outputs_of(labels: Labels | None, outputs: int | None, default: int) -> int:
    """How many outputs a network of a family has.

    Raises:
        DataError: labels and outputs disagree.
    """
    if outputs is not None and not is_count(outputs):
        raise DataError(
            f"outputs={outputs!r}: give how many classes, a whole number above 0; their names, or a"
            " file of them, are labels="
        )
    if labels is None:
        return default if outputs is None else outputs
    count = LabelNames.of(labels).count
    if outputs not in (None, count):
        raise DataError(f"labels= names {count} classes and outputs={outputs}; give one of the two")
    return count
