"""Networks in safetensors: the header as metadata, one tensor for each array."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError
from deelish.formats.record import Header, Record

KEY = "deelish"


def write(path: Path, record: Record) -> None:
    """Write a network."""
    from safetensors.numpy import save_file

    tensors = {
        _place(layer, name): np.asarray(array, order="C")
        for layer, blobs in record.values.items()
        for name, array in blobs.items()
    }
    save_file(tensors, path, metadata={KEY: record.header()})


def read(path: Path) -> Record:
    """Read a network.

    Raises:
        FileError: no safetensors, truncated, or not written by deelish.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise FileError(
                    f"{path}: is safetensors but holds no {KEY!r} in its metadata, so it is not a"
                    " network of deelish; give a file that save() wrote"
                )
            header = Header.read(text, path)
            values: Values = {
                layer: {name: file.get_tensor(_place(layer, name)) for name in blobs}
                for layer, blobs in header.plan.weights.items()
            }
    except (SafetensorError, OSError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole safetensors file ({error}); take another copy"
        ) from None
    return header.record(values, path)


def _place(layer: str, blob: str) -> str:
    return f"{layer}.{blob}"
