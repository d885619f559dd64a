"""Files of networks, read and written by their file extension; .onnx is only written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deelish.engines.runtimes.table import runtime_of
from deelish.errors import FileError
from deelish.formats.agreement import Run
from deelish.formats.caffe import files as caffe_files
from deelish.formats.chainer import npz
from deelish.formats.chainer import weights as chainer_weights
from deelish.formats.native import hdf5, module_file, safetensors, tensor_file
from deelish.formats.onnx import files as onnx_files
from deelish.formats.onnx import module_file as onnx_modules
from deelish.formats.saved_module import SavedModule
from deelish.formats.saved_network import SavedNetwork, StoredWeights
from deelish.formats.unpacked import Arrays
from deelish.plan.plan import Plan
from deelish.storage.atomic import Content, check_target, write_file, write_files


@dataclass(frozen=True)
class Format:
    """How one kind of file is read and written."""

    read: Callable[[Path], SavedNetwork]
    content: Callable[[SavedNetwork], Content]
    # For a file that may lack deelish's plan: the arrays of each layer alone.
    arrays: Callable[[Path], StoredWeights] | None = None
    # A further file that other programs need beside it: its extension and its content.
    companion: tuple[str, Callable[[SavedNetwork], Content]] | None = None
    # For a file of Chainer: the arrays by the path of their link; None where another wrote it.
    links: Callable[[Path], Arrays | None] | None = None


_HDF5 = Format(chainer_weights.read_hdf5, hdf5.to_bytes, links=chainer_weights.links_in_hdf5)
FORMATS = {
    ".hdf5": _HDF5,
    ".h5": _HDF5,
    ".safetensors": Format(safetensors.read, safetensors.to_pieces),
    ".caffemodel": Format(
        caffe_files.read,
        caffe_files.to_bytes,
        caffe_files.arrays,
        (".prototxt", caffe_files.definition),
    ),
    ".npz": Format(chainer_weights.read, chainer_weights.to_bytes, links=npz.read),
    ".onnx": Format(onnx_files.read, onnx_files.to_bytes),
}


def write_network(path: Path, network: SavedNetwork) -> Path:
    """Write a network as its file extension says; an old file stays until the new one is whole.

    Raises:
        FileError: an unknown file extension, or a folder that cannot be written.
    """
    kind, contents = format_of(path), {}
    if kind.companion:
        extension, content = kind.companion
        contents[path.with_suffix(extension)] = content(network)
    write_files({**contents, path: kind.content(network)})
    return path


def write_module(path: Path, module: SavedModule, export: onnx_modules.Export, run: Run) -> Path:
    """Write a module of another library; an old file stays until the new one is whole.

    Args:
        path: a .safetensors, or an .onnx.
        module: its arrays, and all else that its files hold.
        export, run: for an .onnx, see `deelish.formats.onnx.module_file`.

    Raises:
        FileError: another file extension, or a folder that cannot be written.
    """
    extension = path.suffix.lower()
    if extension not in (tensor_file.EXTENSION, ".onnx"):
        raise FileError(
            f"{path}: a student made from a module is saved as {tensor_file.EXTENSION}, and"
            " exported as .onnx; give one of these"
        )
    check_target(path)
    if extension == ".onnx":
        write_file(path, onnx_modules.to_bytes(path, module, export, run))
    else:
        write_file(path, module_file.to_pieces(module))
    return path


def read_network(path: Path) -> SavedNetwork:
    """The network that a file holds."""
    return format_of(path).read(path)


def read_weights(
    path: Path, plan: Plan, example: chainer_weights.Example | None = None
) -> tuple[StoredWeights, list[str]]:
    """The arrays of each layer in a file, and the lines to print about them.

    A file of Chainer does not hold the order of a layer's arrays: `plan` does; `example` gives
    other names of its layers.
    """
    kind = format_of(path)
    links = kind.links(path) if kind.links else None
    if links is not None:
        return chainer_weights.stored(path, links, plan, example)
    if kind.arrays:
        return kind.arrays(path), []
    network = kind.read(path)
    arrays = {layer: list(blobs.values()) for layer, blobs in network.values.items()}
    stored = StoredWeights(
        arrays, network.untrained, network.labels, network.preprocessing, network.sequences
    )
    return stored, []


def format_of(path: Path) -> Format:
    """The format of a file extension; FileError for an unknown one."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None and runtime_of(path) is not None:
        raise FileError(
            f"{path}: a {path.suffix} is no network to open or save; export() writes it, and"
            " Teacher(...) runs it"
        )
    if kind is None:
        raise FileError(
            f"{path}: networks have the file extensions {', '.join(FORMATS)}; give one of these"
        )
    return kind
