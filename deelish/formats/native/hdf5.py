"""Networks in HDF5: the header as bytes, one dataset for each array, and a seal at the end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from deelish.common.json_text import MOST_CHARACTERS
from deelish.engines.base import Values
from deelish.errors import FileError, first_line
from deelish.formats.saved_network import NetworkHeader, SavedNetwork
from deelish.formats.seal import add_seal, broken, has_seal

HEADER = "deelish"


def to_bytes(network: SavedNetwork) -> bytes:
    """The file of a network, made in memory: HDF5 ends the process where a disk is full."""
    import h5py

    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        # A dataset, not an attribute: an attribute may hold 64 KB at most.
        file.create_dataset(HEADER, data=np.frombuffer(network.header().encode(), np.uint8))
        for layer, blobs in network.values.items():
            for name, array in blobs.items():
                file.create_dataset(_key(layer, name), data=array)
    add_seal(made)
    return made.getvalue()


def read(path: Path) -> SavedNetwork:
    """Read a network.

    Raises:
        FileError: no HDF5, truncated, damaged, or not written by deelish.
    """
    import h5py

    try:
        # First, so that HDF5 reads no damaged file.
        sealed = has_seal(path)
        with h5py.File(path, "r") as file:
            datasets = _Datasets(file, path)
            text = bytes(datasets.read(HEADER, MOST_CHARACTERS)).decode()
            header = NetworkHeader.read(text, path)
            values: Values = {
                layer: {name: datasets.read(_key(layer, name)) for name in blobs}
                for layer, blobs in header.plan.weights.items()
            }
    except FileError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{path}: is no whole HDF5 file ({first_line(error)}); take another copy"
        ) from None
    if header.sealed and not sealed:
        raise broken(path)
    return header.network(values, path)


def _key(layer: str, blob: str) -> str:
    # A slash would make a group, and a layer "a" beside a layer "a/weight" would then collide.
    return f"layers/{quote(layer, safe=' ')}/{blob}"


class _Datasets:
    """The datasets of an open file, which together hold no more bytes than it has."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path = file, path
        self._left = path.stat().st_size

    def read(self, name: str, most: int | None = None) -> np.ndarray:
        """A dataset's numbers, if this file holds them: no link out of it, nothing to unpack."""
        dataset = self._found(name)
        held = dataset.id.get_storage_size()
        plain = dataset.dtype in (np.float32, np.uint8) and held == dataset.nbytes
        # A packed piece may unpack to more than the dataset has.
        if not plain or dataset.id.get_create_plist().get_nfilters():
            raise FileError(
                f"{self._path}: {name!r} is {dataset.dtype} {dataset.shape} in {held} bytes; it"
                " needs plain numbers; take another copy"
            )
        self._left -= held
        if self._left < 0 or (most is not None and held > most):
            raise FileError(
                f"{self._path}: {name!r} claims {held:,} bytes, more than its place has; such files"
                " are refused"
            )
        return np.asarray(dataset[()])

    def _found(self, name: str) -> Any:
        import h5py

        at = self._file
        for part in name.split("/"):
            link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
            if link is None:
                raise FileError(
                    f"{self._path}: is HDF5 but holds no {name!r}, so it is not a network of"
                    " deelish; give a file that save() wrote"
                )
            if not isinstance(link, h5py.HardLink):
                raise FileError(
                    f"{self._path}: {name!r} is a link out of the file; such files are refused"
                )
            at = at[part]
        if not isinstance(at, h5py.Dataset) or at.external or at.is_virtual:
            raise FileError(
                f"{self._path}: {name!r} does not hold its own numbers; such files are refused"
            )
        return at
