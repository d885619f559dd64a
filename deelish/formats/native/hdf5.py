"""Networks in HDF5: the header as bytes, and one dataset for each array."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from deelish.engines.base import Values
from deelish.errors import FileError, first_line
from deelish.formats.saved_network import NetworkHeader, SavedNetwork

HEADER = "deelish"


def write(path: Path, network: SavedNetwork) -> None:
    """Write a network."""
    import h5py

    with h5py.File(path, "w") as file:
        # A dataset, not an attribute: an attribute may hold 64 KB at most.
        file.create_dataset(HEADER, data=np.frombuffer(network.header().encode(), np.uint8))
        for layer, blobs in network.values.items():
            for name, array in blobs.items():
                file.create_dataset(_key(layer, name), data=array)


def read(path: Path) -> SavedNetwork:
    """Read a network.

    Raises:
        FileError: no HDF5, truncated, or not written by deelish.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            header = NetworkHeader.read(bytes(_dataset(file, HEADER, path)).decode(), path)
            values: Values = {
                layer: {name: _dataset(file, _key(layer, name), path) for name in blobs}
                for layer, blobs in header.plan.weights.items()
            }
    except FileError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole HDF5 file ({first_line(error)}); take another copy"
        ) from None
    return header.network(values, path)


def _key(layer: str, blob: str) -> str:
    # A slash would make a group, and a layer "a" beside a layer "a/weight" would then collide.
    return f"layers/{quote(layer, safe=' ')}/{blob}"


def _dataset(file: Any, name: str, path: Path) -> np.ndarray:
    """A dataset's numbers, if this file holds them: no link out of it, nothing to unpack."""
    import h5py

    at = file
    for part in name.split("/"):
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
        if link is None:
            raise FileError(
                f"{path}: is HDF5 but holds no {name!r}, so it is not a network of deelish; give"
                " a file that save() wrote"
            )
        if not isinstance(link, h5py.HardLink):
            raise FileError(f"{path}: {name!r} is a link out of the file; such files are refused")
        at = at[part]
    if not isinstance(at, h5py.Dataset) or at.external or at.is_virtual:
        raise FileError(f"{path}: {name!r} does not hold its own numbers; such files are refused")
    if at.dtype not in (np.float32, np.uint8) or at.id.get_storage_size() != at.nbytes:
        raise FileError(
            f"{path}: {name!r} is {at.dtype} {at.shape} in {at.id.get_storage_size()} bytes; it"
            " needs plain numbers; take another copy"
        )
    return np.asarray(at[()])
