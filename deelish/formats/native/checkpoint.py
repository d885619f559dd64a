"""Checkpoints of a training in safetensors: arrays by name, and JSON in the metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.json_text import parsed_json
from deelish.engines.state import SavedState
from deelish.errors import FileError
from deelish.formats.header import LaterVersionError, check_version, checksum, version_of
from deelish.formats.native import tensor_file
from deelish.storage.atomic import write_file

# The key of the JSON text in a file's metadata.
KEY = "deelish checkpoint"
FORMAT = 1


class DamagedError(FileError):
    """A checkpoint that is not whole."""


def write(path: Path, state: SavedState) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    arrays = {name: _description(array) for name, array in state.arrays.items()}
    about = {**version_of(FORMAT), "values": state.values, "arrays": arrays}
    write_file(path, tensor_file.to_pieces(state.arrays, KEY, json.dumps(about)))


def read(path: Path) -> SavedState:
    """Read a checkpoint and check each array.

    Raises:
        DamagedError: it is missing, damaged, or no checkpoint.
        LaterVersionError: it is of a later version.
    """
    if not path.is_file():
        # Opening a pipe would wait for its other end.
        raise DamagedError(f"{path}: is missing, or no ordinary file")
    try:
        with tensor_file.opened(path) as (file, notes):
            if KEY not in notes:
                raise DamagedError(f"{path}: is no checkpoint of deelish")
            about = parsed_json(notes[KEY])
            check_version(about, FORMAT, path)
            tensor_file.check_seal(path, notes, KEY, sealed=True)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _checked(about, arrays, path)
    except (LaterVersionError, DamagedError):
        raise
    except (FileError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise DamagedError(f"{path}: is no whole checkpoint ({error})") from None


def _checked(about: Any, arrays: dict[str, np.ndarray], path: Path) -> SavedState:
    for name in sorted(arrays.keys() ^ about["arrays"].keys()):
        raise DamagedError(f"{path}: {name!r} is missing or unknown in it")
    for name, array in arrays.items():
        if _description(array) != about["arrays"][name]:
            raise DamagedError(f"{path}: {name!r} does not match its checksum")
    return SavedState(arrays, about["values"])


def _description(array: np.ndarray) -> list[Any]:
    """What an array is: type, shape, and the checksum of its bytes."""
    return [array.dtype.str, list(array.shape), checksum(array)]
