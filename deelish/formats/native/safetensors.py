"""Networks in safetensors: the header as metadata, one tensor for each array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.formats.saved_module import KEY as MODULE_KEY
from deelish.formats.saved_network import NetworkHeader, SavedNetwork

KEY = "deelish"


def write(path: Path, network: SavedNetwork) -> None:
    """Write a network."""
    from safetensors.numpy import save_file

    tensors = {
        _key(layer, name): np.asarray(array, order="C")
        for layer, blobs in network.values.items()
        for name, array in blobs.items()
    }
    save_file(tensors, path, metadata={KEY: network.header()})


def read(path: Path) -> SavedNetwork:
    """Read a network.

    Raises:
        FileError: no safetensors, truncated, or not written by deelish.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            text = notes.get(KEY)
            if MODULE_KEY in notes:
                raise FileError(
                    f"{path}: holds a student made from a module; open it with"
                    f" Student.load({str(path)!r})"
                )
            if text is None:
                raise FileError(
                    f"{path}: is safetensors but holds no {KEY!r} in its metadata, so it is not a"
                    " network of deelish; give a file that save() wrote"
                )
            header = NetworkHeader.read(text, path)
            values: Values = {
                layer: {name: file.get_tensor(_key(layer, name)) for name in blobs}
                for layer, blobs in header.plan.weights.items()
            }
    except (SafetensorError, OSError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole safetensors file ({error}); take another copy"
        ) from None
    return header.network(values, path)


def _key(layer: str, blob: str) -> str:
    return f"{layer}.{blob}"
