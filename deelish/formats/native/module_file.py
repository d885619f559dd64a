"""Modules of other libraries in safetensors: the JSON text as metadata, one tensor an array."""

from __future__ import annotations

from pathlib import Path

from deelish.errors import FileError
from deelish.formats.saved_module import KEY, SavedModule, saved_module

EXTENSION = ".safetensors"


def write(path: Path, module: SavedModule) -> None:
    """Write a module."""
    from safetensors.numpy import save_file

    save_file(dict(module.arrays), path, metadata={KEY: module.header()})


def holds_module(path: Path) -> bool:
    """Whether it is a file that `write` made; damaged and missing ones are none."""
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() != EXTENSION or not path.is_file():
        return False
    try:
        with safe_open(path, framework="numpy") as file:
            return KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def read(path: Path) -> SavedModule:
    """Read a module.

    Raises:
        FileError: no safetensors, truncated, or not written by a student.
    """
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() != EXTENSION:
        raise FileError(
            f"{path}: is no {EXTENSION}, which student.save() writes; open networks of rows with"
            " Network.load, and let .onnx teach with Teacher"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise FileError(
                    f"{path}: holds no student; give a file that student.save() wrote, and open a"
                    " network of rows with Network.load"
                )
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole safetensors file ({error}); take another copy"
        ) from None
    return saved_module(text, arrays, path)
