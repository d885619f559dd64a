"""Modules of other libraries in safetensors: the JSON text as metadata, one tensor an array."""

from __future__ import annotations

from pathlib import Path

from deelish.errors import FileError
from deelish.formats.native import tensor_file
from deelish.formats.native.tensor_file import EXTENSION
from deelish.formats.saved_module import KEY, SavedModule, saved_module


def to_pieces(module: SavedModule) -> list[memoryview]:
    """The file of a module."""
    return tensor_file.to_pieces(module.arrays, KEY, module.header())


def holds_module(path: Path) -> bool:
    """Whether it is a file of a module; damaged and missing ones are none."""
    if path.suffix.lower() != EXTENSION or not path.is_file():
        return False
    try:
        with tensor_file.opened(path) as (_, notes):
            return KEY in notes
    except FileError:
        return False


def read(path: Path) -> SavedModule:
    """Read a module.

    Raises:
        FileError: no safetensors, truncated, or not written by a student.
    """
    if path.suffix.lower() != EXTENSION:
        raise FileError(
            f"{path}: is no {EXTENSION}, which student.save() writes; open networks of rows with"
            " Network.load, and let .onnx teach with Teacher"
        )
    with tensor_file.opened(path) as (file, notes):
        if KEY not in notes:
            raise FileError(
                f"{path}: holds no student; give a file that student.save() wrote, and open a"
                " network of rows with Network.load"
            )
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    made = saved_module(notes[KEY], arrays, path)
    tensor_file.check_seal(path, notes, KEY, sealed=made.sealed)
    return made
