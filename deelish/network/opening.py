"""Opens any file of a network: deelish's own, or Caffe's weights with their net."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from deelish.errors import CaffeError, FileError
from deelish.formats import read_network
from deelish.formats.caffe.hdf5 import read_weights
from deelish.formats.caffe.network import NetOptions, open_net
from deelish.formats.caffe.read import read_net
from deelish.formats.match import Allowed, Loaded
from deelish.network.labels import names_for
from deelish.network.model import Parts
from deelish.network.pretrained import find_model


class OpenOptions(TypedDict, total=False):
    """Options for a Caffe net: the arguments of `CaffeNet` by these names."""

    in_size: int | None
    mean: Sequence[float] | Path | None
    allow_missing: bool
    allow_nonfinite: bool


def open_parts(
    path: str | Path,
    prototxt: str | Path | None = None,
    labels: str | Path | None = None,
    **options: Unpack[OpenOptions],
) -> Parts:
    """The network in a .caffemodel, Caffe's HDF5, a .prototxt, or a file of deelish's own.

    Args:
        path: the file; a .prototxt alone has initial weights.
        prototxt: the net in text for the weights; Caffe's HDF5 needs it.
        labels: a file with a name a line; it replaces the file's own names.
        **options: for Caffe's nets.

    Raises:
        FileError, CaffeError: the file is missing, damaged or of another format.
        DataError: the labels are not as many as the network's outputs.
    """
    path = find_model(path)
    if prototxt is None and path.suffix.lower() == ".prototxt":
        parts = _of_caffe(None, path, options)
    elif prototxt is None and not _is_caffes(path):
        _refuse_options(path, options)
        parts = _of_record(path)
    else:
        definition = None if prototxt is None else find_model(prototxt)
        parts = _of_caffe(path, definition, options)
    if labels is None:
        return parts
    return Parts(
        parts.plan,
        parts.preprocessing,
        names_for(labels, parts.plan.name, parts.plan.classes),
        parts.loaded,
        parts.sequences,
    )


def parts_of_file(path: Path) -> Parts:
    """The network in a file that deelish wrote, or in a .caffemodel."""
    record = read_network(path)
    loaded = Loaded(record.values, set(record.untrained), list(record.notices))
    return Parts(record.plan, record.preprocessing, record.labels, loaded, record.sequences)


def parts_of_caffe(
    weights: Path | None, definition: Path | None, labels: list[str] | None, options: NetOptions
) -> Parts:
    """The network in Caffe's files."""
    made = open_net(weights, definition, options)
    return Parts(made.plan, made.preprocessing, labels, made.loaded)


def _of_caffe(weights: Path | None, definition: Path | None, options: OpenOptions) -> Parts:
    allowed = Allowed(
        False, True, options.get("allow_missing", False), options.get("allow_nonfinite", False)
    )
    about = NetOptions(size=options.get("in_size"), mean=options.get("mean"), allowed=allowed)
    return parts_of_caffe(weights, definition, None, about)


def _refuse_options(path: Path, options: OpenOptions) -> None:
    for name in ("in_size", "mean"):
        if options.get(name) is not None:
            raise FileError(
                f"{path}: deelish wrote it, with size and mean of its pixels inside; leave"
                f" {name} out"
            )


def _is_caffes(path: Path) -> bool:
    """Whether it is a .caffemodel that deelish did not write."""
    return path.suffix.lower() == ".caffemodel" and read_net(path).note is None


def _of_record(path: Path) -> Parts:
    try:
        return parts_of_file(path)
    except FileError:
        if path.suffix.lower() in (".h5", ".hdf5") and _holds_caffes_weights(path):
            raise FileError(
                f"{path}: holds weights of Caffe without their net; name its .prototxt as prototxt"
            ) from None
        raise


def _holds_caffes_weights(path: Path) -> bool:
    try:
        read_weights(path)
    except CaffeError:
        return False
    return True
