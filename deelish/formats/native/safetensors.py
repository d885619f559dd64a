"""Networks in safetensors: the header as metadata, one tensor for each array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.formats.native import tensor_file
from deelish.formats.saved_module import KEY as MODULE_KEY
from deelish.formats.saved_network import NetworkHeader, SavedNetwork

KEY = "deelish"


def to_pieces(network: SavedNetwork) -> list[memoryview]:
    """The file of a network."""
    tensors = {
        _key(layer, name): np.asarray(array, order="C")
        for layer, blobs in network.values.items()
        for name, array in blobs.items()
    }
    return tensor_file.to_pieces(tensors, KEY, network.header())


def read(path: Path) -> SavedNetwork:
    """Read a network.

    Raises:
        FileError: no safetensors, truncated, or not written by deelish.
    """
    with tensor_file.opened(path) as (file, notes):
        if MODULE_KEY in notes:
            raise FileError(
                f"{path}: holds a student made from a module; open it with"
                f" Student.load({str(path)!r})"
            )
        if KEY not in notes:
            raise FileError(
                f"{path}: is safetensors but holds no {KEY!r} in its metadata, so it is not a"
                " network of deelish; give a file that save() wrote"
            )
        header = NetworkHeader.read(notes[KEY], path)
        tensor_file.check_seal(path, notes, KEY, sealed=header.sealed)
        values: Values = {
            layer: {name: file.get_tensor(_key(layer, name)) for name in blobs}
            for layer, blobs in header.plan.weights.items()
        }
    return header.network(values, path)


def _key(layer: str, blob: str) -> str:
    return f"{layer}.{blob}"
