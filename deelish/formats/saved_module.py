"""What a file holds of a module of another library: arrays by name, and one JSON text."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deelish.errors import DeelishError, FileError
from deelish.formats.saved_network import checksum
from deelish.plan.preprocessing import Preprocessing
from deelish.version import __version__

# The key of the JSON text in a file's metadata.
KEY = "deelish module"
FORMAT = 1


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
        new_last: the arguments of `LearningModel.replace_last` that made its last layers, where
            these were replaced.
    """

    name: str
    arrays: Mapping[str, np.ndarray]
    labels: list[str] | None
    preprocessing: Preprocessing
    made_by: Mapping[str, Any] | None
    untrained: Sequence[str] | None
    output: int | str | None = None
    new_last: Mapping[str, Any] | None = None

    def header(self) -> str:
        """Everything but the arrays, with a checksum of each array and of itself, as JSON."""
        module = {
            "name": self.name,
            "labels": self.labels,
            "preprocessing": self.preprocessing.to_dict(),
            "made_by": self.made_by,
            "untrained": self.untrained,
            "output": self.output,
            "new_last": self.new_last,
            "checksums": {name: checksum(array) for name, array in self.arrays.items()},
        }
        about = {"format": FORMAT, "deelish": __version__, "checksum": _sum(module)}
        return json.dumps({**about, "module": module})


def _sum(module: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(module).encode())


def saved_module(text: str, arrays: Mapping[str, np.ndarray], path: Path) -> SavedModule:
    """The module whose JSON text and arrays these are.

    Raises:
        FileError: it is from a later version, or damaged.
    """
    try:
        data = json.loads(text)
        if data["format"] > FORMAT:
            raise FileError(
                f"{path}: written by deelish {data['deelish']} in format {data['format']}, and this"
                f" version reads up to {FORMAT}; update deelish"
            )
        module = data["module"]
        if data["checksum"] != _sum(module):
            raise FileError(
                f"{path}: its description of the module does not match its checksum, so the file"
                " is damaged; take another copy"
            )
        _check(arrays, module["checksums"], path)
        labels, untrained = module["labels"], module["untrained"]
        return SavedModule(
            str(module["name"]),
            arrays,
            None if labels is None else [str(name) for name in labels],
            Preprocessing.from_dict(module["preprocessing"]),
            module["made_by"],
            None if untrained is None else [str(name) for name in untrained],
            module["output"],
            module["new_last"],
        )
    except FileError:
        raise
    except (DeelishError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(
            f"{path}: its description of the module is damaged ({error}); take another copy"
        ) from None


def _check(arrays: Mapping[str, np.ndarray], checksums: Mapping[str, int], path: Path) -> None:
    for name in arrays.keys() ^ checksums.keys():
        raise FileError(f"{path}: {name!r} is missing or unknown in it; take another copy")
    for name, array in arrays.items():
        if checksum(array) != checksums[name]:
            raise FileError(
                f"{path}: {name!r} does not match its checksum, so the file is damaged; take"
                " another copy"
            )
