"""Caffe's HDF5 weights: group `data`, in it a group for each layer, in it a dataset for each blob.

Source: Net::ToHDF5 and Net::CopyTrainedLayersFromHDF5 of BVLC Caffe.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from deelish.errors import CaffeError, first_line
from deelish.formats.caffe.codec import LONGEST_NAME, MOST_VALUES
from deelish.formats.caffe.opening import HDF5_SIGNATURE, mapped
from deelish.formats.caffe.read import read_net, weights_of

_WEIGHTS = "data"
_INDEX = re.compile("0|[1-9][0-9]?")
_REFUSED = "such files are refused; give one that Caffe wrote"

Weights = dict[str, list[np.ndarray]]


def read_weights(path: str | Path) -> Weights:
    """The blobs of each layer in any file of Caffe's weights, known by its content.

    Returns:
        By layer name float32 arrays, read-only, shaped as in the file; layers without blobs left
        out. HDF5 holds a shared blob once, under the layer that owns it: an array of the shape
        (0,) is a blob that a layer lacks before one that it has.

    Raises:
        MissingFileError: no such file.
        CaffeError: the file is damaged or of another format.
    """
    content = mapped(path, ".caffemodel or .caffemodel.h5")
    if content[: len(HDF5_SIGNATURE)] != HDF5_SIGNATURE:
        return weights_of(read_net(path))
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return _Reader(file, str(path), len(content)).weights()
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise CaffeError(
            f"{path}: is no whole HDF5 file ({first_line(error)}); take another copy"
        ) from None


class _Reader:
    """Reads one open file; counts what it reads, for hard links may lead to one place many times.

    A slash in a layer's name nests its group in another, so a group may hold groups and datasets.
    """

    def __init__(self, file: Any, path: str, size: int) -> None:
        self._file, self._path = file, path
        self._bytes, self._objects = size, MOST_VALUES

    def weights(self) -> Weights:
        """All layers that have blobs."""
        import h5py

        top = None
        if self._file.get(_WEIGHTS, getlink=True) is not None:
            top = self._member(self._file, _WEIGHTS, _WEIGHTS)
        if not isinstance(top, h5py.Group):
            raise CaffeError(
                f"{self._path}: is HDF5 without a group {_WEIGHTS!r}, so it holds no weights of"
                " Caffe; give a file that Caffe wrote"
            )
        weights: Weights = {}
        waiting = [("", top)]
        while waiting:
            name, group = waiting.pop()
            blobs: dict[str, Any] = {}
            inner = []
            for key, place, member in self._members(name, group):
                if isinstance(member, h5py.Group):
                    inner.append((place, member))
                else:
                    blobs[key] = member
            waiting += reversed(inner)
            if blobs:
                weights[name] = self._blobs(name, blobs)
        return weights

    def _members(self, name: str, group: Any) -> list[tuple[str, str, Any]]:
        """Key, full name and object of all that a group holds."""
        self._objects -= len(group)
        if self._objects < 0 or len(name) > LONGEST_NAME:
            raise CaffeError(
                f"{self._path}: holds more than {MOST_VALUES:,} objects, or names longer than"
                f" {LONGEST_NAME:,} characters; {_REFUSED}"
            )
        places = {key: f"{name}/{key}" if name else key for key in group}
        return [(key, place, self._member(group, key, place)) for key, place in places.items()]

    def _member(self, group: Any, key: str, place: str) -> Any:
        import h5py

        # Before the object itself is asked for, which would open the file that a link leads to.
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise CaffeError(
                f"{self._path}: {place[:LONGEST_NAME]!r} is a link out of the file; {_REFUSED}"
            )
        return group[key]

    def _blobs(self, name: str, blobs: dict[str, Any]) -> list[np.ndarray]:
        for key in blobs:
            if not name or not _INDEX.fullmatch(key):
                raise CaffeError(
                    f"{self._path}: layer {name!r} has a dataset {key[:40]!r}, and Caffe numbers"
                    f" the blobs of a layer from 0; {_REFUSED}"
                )
        arrays = {int(key): self._array(f"{name}/{key}", blob) for key, blob in blobs.items()}
        lacking = np.empty(0, np.float32)
        lacking.flags.writeable = False
        return [arrays.get(index, lacking) for index in range(max(arrays) + 1)]

    def _array(self, place: str, dataset: Any) -> np.ndarray:
        """The numbers, if they are in this file, plain and as many as the shape says."""
        import h5py

        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise CaffeError(f"{self._path}: {place!r} does not hold its own numbers; {_REFUSED}")
        shape, dtype = dataset.shape, dataset.dtype
        held = dataset.id.get_storage_size()
        plain = dtype in (np.float32, np.float64) and shape is not None and 0 not in shape
        # A packed piece may unpack to more than the dataset has.
        plain = plain and not dataset.id.get_create_plist().get_nfilters()
        if not plain or math.prod(shape) * dtype.itemsize != held:
            raise CaffeError(
                f"{self._path}: {place!r} is {dtype} {shape} in {held:,} bytes, where plain float32"
                " or float64 are needed; take another copy"
            )
        self._bytes -= held
        if self._bytes < 0:
            raise CaffeError(f"{self._path}: its blobs overlap; {_REFUSED}")
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.asarray(dataset[()]).astype(np.float32, copy=False)
        array.flags.writeable = False
        return array
