"""Files of networks, read and written by their ending; .onnx is written alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deelish.errors import FileError
from deelish.formats.caffe import files as caffe_files
from deelish.formats.chainer import npz
from deelish.formats.chainer import weights as chainer_weights
from deelish.formats.native import hdf5, safetensors
from deelish.formats.onnx import files as onnx_files
from deelish.formats.record import Record, Stored
from deelish.formats.unpacked import Arrays
from deelish.plan.plan import Plan
from deelish.storage.atomic import replacing


@dataclass(frozen=True)
class Format:
    """How one kind of file is read and written."""

    read: Callable[[Path], Record]
    write: Callable[[Path, Record], None]
    # For a file that may be without a plan of deelish: the arrays of each layer alone.
    arrays: Callable[[Path], Stored] | None = None
    # A further file that other programs want beside it: its ending and how it is written.
    companion: tuple[str, Callable[[Path, Record], None]] | None = None
    # For a file of Chainer: the arrays by the path of their link; None where it is another's.
    links: Callable[[Path], Arrays | None] | None = None


_HDF5 = Format(chainer_weights.read_hdf5, hdf5.write, links=chainer_weights.links_in_hdf5)
FORMATS = {
    ".hdf5": _HDF5,
    ".h5": _HDF5,
    ".safetensors": Format(safetensors.read, safetensors.write),
    ".caffemodel": Format(
        caffe_files.read,
        caffe_files.write,
        caffe_files.arrays,
        (".prototxt", caffe_files.write_definition),
    ),
    ".npz": Format(chainer_weights.read, chainer_weights.write, links=npz.read),
    ".onnx": Format(onnx_files.read, onnx_files.write),
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


def open_arrays(
    path: Path, plan: Plan, example: chainer_weights.Example | None = None
) -> tuple[Stored, list[str]]:
    """The arrays of each layer in a file, and what to say aloud of them.

    A file of Chainer does not tell the order of a layer's arrays: `plan` does; `example` gives
    other names of its layers.
    """
    kind = format_of(path)
    links = kind.links(path) if kind.links else None
    if links is not None:
        return chainer_weights.stored(path, links, plan, example)
    if kind.arrays:
        return kind.arrays(path), []
    record = kind.read(path)
    arrays = {layer: list(blobs.values()) for layer, blobs in record.values.items()}
    return Stored(arrays, record.untrained, record.labels, record.preprocessing), []


def format_of(path: Path) -> Format:
    """The format of a path's ending; FileError for an ending of none."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise FileError(
            f"{path}: files of networks end in {', '.join(FORMATS)}; give one of these endings"
        )
    return kind
