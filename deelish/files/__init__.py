"""Files of networks, read and written by their ending; .onnx is written alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deelish.errors import FileError
from deelish.files import caffemodel, hdf5, onnx, safetensors
from deelish.files.atomic import replacing
from deelish.files.record import Record, Stored


@dataclass(frozen=True)
class Format:
    """How one kind of file is read and written."""

    read: Callable[[Path], Record]
    write: Callable[[Path, Record], None]
    # For a file that may be without a plan of deelish: the arrays of each layer alone.
    arrays: Callable[[Path], Stored] | None = None
    # A further file that other programs want beside it: its ending and how it is written.
    companion: tuple[str, Callable[[Path, Record], None]] | None = None


_HDF5 = Format(hdf5.read, hdf5.write)
FORMATS = {
    ".hdf5": _HDF5,
    ".h5": _HDF5,
    ".safetensors": Format(safetensors.read, safetensors.write),
    ".caffemodel": Format(
        caffemodel.read,
        caffemodel.write,
        caffemodel.arrays,
        (".prototxt", caffemodel.write_definition),
    ),
    ".onnx": Format(onnx.read, onnx.write),
}


def save_record(path: Path, record: Record) -> Path:
    """Write a network in the format of the path's ending; an old file stays until the new is whole.

    Raises:
        FileError: an unknown ending, or a folder that cannot be written.
    """
    kind = format_of(path)
    if kind.companion:
        ending, write = kind.companion
        with replacing(path.with_suffix(ending)) as temporary:
            write(temporary, record)
    with replacing(path) as temporary:
        kind.write(temporary, record)
    return path


def open_record(path: Path) -> Record:
    """The network that a file holds."""
    return format_of(path).read(path)


def open_arrays(path: Path) -> Stored:
    """The arrays of each layer in a file, whatever network they belong to."""
    kind = format_of(path)
    if kind.arrays:
        return kind.arrays(path)
    record = kind.read(path)
    arrays = {layer: list(blobs.values()) for layer, blobs in record.values.items()}
    return Stored(arrays, record.untrained, record.labels, record.preprocessing)


def format_of(path: Path) -> Format:
    """The format of a path's ending; FileError for an ending of none."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise FileError(
            f"{path}: files of networks end in {', '.join(FORMATS)}; give one of these endings"
        )
    return kind
