"""Arrays in HDF5 as Chainer's save_hdf5 writes them: a group a link, a dataset an array."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from deelish.errors import FileError, first_line
from deelish.formats.caffe.codec import LONGEST_NAME, MOST_VALUES
from deelish.formats.native.hdf5 import HEADER
from deelish.formats.unpacked import SHOWN, Arrays, as_weights, check_room, holds_weights

_REFUSED = "such files are refused; give one that Chainer's save_hdf5 wrote"
# A damaged piece, or one that begins beyond any file.
_PACKED = (zlib.error, OverflowError)
Found = TypeVar("Found")


def is_chainers(path: Path) -> bool:
    """Whether it is HDF5 with arrays named W or b, and without deelish's header."""
    try:
        return _opened(path, _looks_right)
    except FileError:
        return False


def read(path: Path) -> Arrays:
    """The arrays of a file by the path of their link and their name, float32, read-only.

    Raises:
        FileError: no HDF5, truncated, linked out of the file, or unreasonably large.
    """
    return _opened(path, lambda file: _Reader(path).arrays(file))


def _opened(path: Path, use: Callable[[Any], Found]) -> Found:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return use(file)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, *_PACKED) as error:
        raise FileError(
            f"{path}: is no whole HDF5 file ({first_line(error)}); take another copy"
        ) from None


def _looks_right(file: Any) -> bool:
    if file.get(HEADER, getlink=True) is not None:
        return False
    return any(name.rpartition("/")[2] in ("W", "b") for name, _ in _members(file))


def _members(file: Any) -> Iterator[tuple[str, Any]]:
    """Full name and object of all that is no group; None for a link out of the file.

    Hard links may lead to one place many times, or in a circle, so what is seen is counted.
    """
    import h5py

    waiting, seen = [("", file)], 0
    while waiting:
        above, group = waiting.pop()
        seen += len(group)
        if seen > MOST_VALUES or len(above) > LONGEST_NAME:
            raise ValueError(f"more than {MOST_VALUES:,} objects, or names without end")
        for key in group:
            name = f"{above}/{key}" if above else key
            # Before the object itself is asked for, which would open the file that a link leads to.
            inside = isinstance(group.get(key, getlink=True), h5py.HardLink)
            member = group[key] if inside else None
            if isinstance(member, h5py.Group):
                waiting.append((name, member))
            else:
                yield name, member


class _Reader:
    """Reads the arrays of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def arrays(self, file: Any) -> Arrays:
        """All arrays, after all of them were checked."""
        datasets = dict(_members(file))
        held = {name for name, dataset in datasets.items() if self._has_weights(name, dataset)}
        check_room(self._path, (datasets[name].nbytes for name in held))
        return {
            name: as_weights(self._numbers(name, dataset)) if name in held else None
            for name, dataset in datasets.items()
        }

    def _has_weights(self, name: str, dataset: Any) -> bool:
        import h5py

        shown = f"{self._path}: {name[:SHOWN]!r}"
        if dataset is None:
            raise FileError(f"{shown} is a link out of the file; {_REFUSED}")
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise FileError(f"{shown} does not hold its own numbers; {_REFUSED}")
        return holds_weights(self._path, name, dataset.dtype, dataset.shape)

    def _numbers(self, name: str, dataset: Any) -> np.ndarray:
        """The numbers of a dataset, plain in the file or packed in pieces."""
        import h5py

        plain = bool(h5py.h5t.py_create(dataset.dtype) == dataset.id.get_type())
        if plain and dataset.chunks is not None:
            return self._pieces(name, dataset)
        if not plain or dataset.id.get_storage_size() != dataset.nbytes:
            raise self._wrong_size(name, dataset)
        return np.asarray(dataset[()])

    def _pieces(self, name: str, dataset: Any) -> np.ndarray:
        """Unpack here: HDF5's own gzip unpacks a piece to any size that its bytes ask for."""
        import h5py

        filters = dataset.id.get_create_plist()
        known = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
        fits = all(map(int.__le__, dataset.chunks, dataset.shape))
        if known not in ([], [h5py.h5z.FILTER_DEFLATE]) or not fits:
            raise FileError(
                f"{self._path}: {name[:SHOWN]!r} is packed in another way than by gzip; {_REFUSED}"
            )
        array = np.empty(dataset.shape, dataset.dtype)
        steps = zip(dataset.shape, dataset.chunks, strict=True)
        for corner in itertools.product(*(range(0, side, step) for side, step in steps)):
            piece = self._piece(name, dataset, corner, packed=bool(known))
            ends = [start + step for start, step in zip(corner, dataset.chunks, strict=True)]
            room = array[tuple(map(slice, corner, ends))]
            # The pieces at the edges reach beyond the array.
            room[...] = piece[tuple(map(slice, room.shape))]
        return array

    def _piece(
        self, name: str, dataset: Any, corner: tuple[int, ...], *, packed: bool
    ) -> np.ndarray:
        needed = math.prod(dataset.chunks) * dataset.dtype.itemsize
        chunk = dataset.id.get_chunk_info_by_coord(corner)
        if chunk.byte_offset is None or chunk.filter_mask:
            raise self._wrong_size(name, dataset)
        # Read here, since in a damaged file HDF5 may write beyond the room that h5py gives it.
        with self._path.open("rb") as file:
            file.seek(chunk.byte_offset)
            data = file.read(min(chunk.size, self._path.stat().st_size))
        if packed:
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(data, needed)
            # The checksum comes after the last number, and nothing may come with it.
            data += unpacking.decompress(unpacking.unconsumed_tail, 1)
            if not unpacking.eof:
                raise self._wrong_size(name, dataset)
        if len(data) != needed:
            raise self._wrong_size(name, dataset)
        return np.frombuffer(data, dataset.dtype).reshape(dataset.chunks)

    def _wrong_size(self, name: str, dataset: Any) -> FileError:
        return FileError(
            f"{self._path}: {name[:SHOWN]!r} holds more or fewer bytes than {dataset.dtype}"
            f" {dataset.shape} takes; take another copy"
        )
