"""Opens any file of a network: deelish's own with all that it holds, Caffe's as a `CaffeNet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from deelish.errors import CaffeError, DataError, FileError
from deelish.formats.caffe.hdf5 import read_weights
from deelish.formats.caffe.read import read_net
from deelish.language.caffenet import CaffeNet
from deelish.network.labels import LabelNames
from deelish.network.network import Network
from deelish.network.pretrained import find_model


class Wishes(TypedDict, total=False):
    """What is said of a Caffe net beside its files: the arguments of `CaffeNet` by these names."""

    in_size: int | None
    mean: Sequence[float] | Path | None
    allow_missing: bool
    allow_nonfinite: bool


def open_network(
    path: str | Path,
    prototxt: str | Path | None = None,
    labels: str | Path | None = None,
    **wishes: Unpack[Wishes],
) -> Network:
    """The network in a .caffemodel, Caffe's HDF5, a .prototxt, or a file of deelish's own.

    Args:
        path: the file; a .prototxt alone has first values for weights.
        prototxt: a net in text for the weights, which Caffe's HDF5 wants.
        labels: a file with a name a line, in place of the file's own names.
        **wishes: for Caffe's nets.

    Raises:
        FileError, CaffeError: the file is missing, damaged or of another format.
        DataError: the labels are not as many as the network's outputs.
    """
    path = find_model(path)
    if prototxt is None and path.suffix.lower() == ".prototxt":
        network: Network = CaffeNet(None, path, **wishes)
    elif prototxt is None and not _is_caffes(path):
        for name in ("in_size", "mean"):
            if wishes.get(name) is not None:
                raise FileError(
                    f"{path}: deelish wrote it, with size and mean of its pixels inside; leave"
                    f" {name} out"
                )
        network = _load(path)
    else:
        network = CaffeNet(path, prototxt, **wishes)
    if labels is not None:
        network.labels = _names(network, labels)
    return network


def _is_caffes(path: Path) -> bool:
    """Whether it is a .caffemodel that deelish did not write."""
    return path.suffix.lower() == ".caffemodel" and read_net(path).note is None


def _load(path: Path) -> Network:
    try:
        return Network.load(path)
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


def _names(network: Network, labels: str | Path) -> list[str] | None:
    names = LabelNames.of(labels)
    if names.count != network.plan.classes:
        raise DataError(
            f"labels file {labels}: names {names.count} classes, and {network.name} has"
            f" {network.plan.classes} outputs; give a name for each"
        )
    return names.names
