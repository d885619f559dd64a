"""What a file holds of a module of another library: arrays by name, and one JSON text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.errors import FileError
from deelish.formats.header import checksum, described, header_text
from deelish.plan.preprocessing import Preprocessing

# The key of the JSON text in a file's metadata.
KEY = "deelish module"
KIND, FORMAT = "module", 1


@dataclass(frozen=True)
class NewLast:
    """How last layers were replaced: `LearningModel.replace_last` does it again.

    Attributes:
        classes: how many outputs the new ones have.
        names: the layers that were named; empty where they were found.
    """

    classes: int
    names: list[str]


@dataclass(frozen=True)
class SavedModule:
    """A module as a file carries it.

    Attributes:
        name: what it was called.
        arrays: parameters and buffers by name.
        labels: names of its classes, or None.
        preprocessing: how pixels become its input.
        made_by: how it was made by name, as plain values for JSON; None for a user's own module.
        untrained: layers that were neither loaded nor trained; None for all of them.
        output: which part of its output the logits are, where it makes several.
        new_last: how its last layers were replaced, where they were.
        sealed: whether its file says that it has a seal.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    labels: list[str] | None
    preprocessing: Preprocessing
    made_by: Mapping[str, Any] | None
    untrained: Sequence[str] | None
    output: int | str | None = None
    new_last: NewLast | None = None
    sealed: bool = False

    def header(self) -> str:
        """Everything but the arrays, with a checksum of each array and of itself, as JSON."""
        module = {
            "name": self.name,
            "labels": self.labels,
            "preprocessing": self.preprocessing.to_dict(),
            "made_by": self.made_by,
            "untrained": self.untrained,
            "output": self.output,
            "new_last": None if self.new_last is None else asdict(self.new_last),
            "checksums": {name: checksum(array) for name, array in self.arrays.items()},
        }
        return header_text(KIND, FORMAT, module, sealed=True)


def saved_module(text: str, arrays: Mapping[str, np.ndarray], path: Path) -> SavedModule:
    """The module whose JSON text and arrays these are.

    Raises:
        FileError: it is from a later version, or damaged.
    """
    with described(text, KIND, FORMAT, path) as (module, sealed):
        _check(arrays, module["checksums"], path)
        labels, untrained = module["labels"], module["untrained"]
        return SavedModule(
            str(module["name"]),
            arrays,
            None if labels is None else [str(name) for name in labels],
            Preprocessing.from_dict(module["preprocessing"]),
            module["made_by"],
            None if untrained is None else [str(name) for name in untrained],
            _output(module["output"]),
            _new_last(module["new_last"]),
            sealed,
        )


def _output(value: Any) -> int | str | None:
    if not isinstance(value, int | str | None):
        raise TypeError(f"output is {value!r}")
    return value


def _new_last(value: Any) -> NewLast | None:
    if value is None:
        return None
    return NewLast(int(value["classes"]), [str(name) for name in value["names"]])


def _check(arrays: Mapping[str, np.ndarray], checksums: Mapping[str, int], path: Path) -> None:
    for name in arrays.keys() ^ checksums.keys():
        raise FileError(f"{path}: {name!r} is missing or unknown in it; take another copy")
    for name, array in arrays.items():
        if checksum(array) != checksums[name]:
            raise FileError(
                f"{path}: {name!r} does not match its checksum, so the file is damaged; take"
                " another copy"
            )
