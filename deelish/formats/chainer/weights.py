"""Weight files of Chainer, read and written without Chainer: arrays by the path of their link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from deelish.common.printing import say
from deelish.engines.chainer.names import NAMES, TAKEN
from deelish.errors import FileError
from deelish.formats.chainer import hdf5, npz
from deelish.formats.native import hdf5 as native
from deelish.formats.saved_network import SavedNetwork, StoredWeights
from deelish.formats.unpacked import Arrays
from deelish.plan.plan import Plan

_LACKING = np.empty(0, np.float32)
# Names in one message.
SHOWN = 8


@dataclass(frozen=True)
class Example:
    """A network of Chainer's examples that has a family's weights under other names.

    Attributes:
        layers: the family's layer by the path of the link.
        differs: what it computes differently, in words that follow "since".
    """

    layers: Mapping[str, str]
    differs: str


def read(path: Path) -> NoReturn:
    """Refuse: there is no plan in the file to build a network from."""
    raise FileError(
        f"{path}: holds weights of Chainer alone, no network; give it as modelpath= to the network"
        " that it was made for"
    )


def read_hdf5(path: Path) -> SavedNetwork:
    """deelish's own HDF5; Chainer's is refused as its .npz is."""
    if hdf5.is_chainers(path):
        read(path)
    return native.read(path)


def links_in_hdf5(path: Path) -> Arrays | None:
    """The arrays of Chainer's HDF5; None where Chainer did not write it."""
    return hdf5.read(path) if hdf5.is_chainers(path) else None


def to_bytes(network: SavedNetwork) -> bytes:
    """The file of the arrays, which `chainer.serializers.load_npz` reads into engine chainer's."""
    links = _links(network.plan)
    arrays = {
        f"{links[layer]}/{NAMES.get(name, name)}": array
        for layer, blobs in network.values.items()
        for name, array in blobs.items()
        if (layer, name) not in network.plan.owners
    }
    say(
        f"{network.plan.name}: the .npz holds weights alone, without plan, labels, preprocessing"
        " and which layers are new"
    )
    return npz.to_bytes(arrays)


def stored(
    path: Path, arrays: Arrays, plan: Plan, example: Example | None
) -> tuple[StoredWeights, list[str]]:
    """The arrays of each layer of a plan, in Caffe's order, and the lines to print.

    Links without a layer keep their path for a name, and are refused with the other misfits.

    Raises:
        FileError: a layer has two links, an array that it lacks, or one that was never filled.
    """
    links: dict[str, Arrays] = {}
    for key, array in arrays.items():
        link, _, name = key.rpartition("/")
        links.setdefault(link, {})[name] = array
    found = _Sorted(path, plan, example)
    for link, named in links.items():
        found.enter(link, named)
    return StoredWeights(found.layers), found.notices()


class _Sorted:
    """The arrays of a file by layer, in Caffe's order."""

    def __init__(self, path: Path, plan: Plan, example: Example | None) -> None:
        self._path, self._plan, self._example = path, plan, example
        self._own = {link: layer for layer, link in _links(plan).items()}
        self._others = {
            link: layer
            for link, layer in (example.layers.items() if example else ())
            if layer in plan.weights
        }
        # The chain, and each chain in it that holds a known link.
        self._chains = {"", *_above([*self._own, *self._others])}
        self.layers: dict[str, list[np.ndarray]] = {}
        self._mapped: list[str] = []
        self._books: list[str] = []

    def enter(self, link: str, named: Arrays) -> None:
        """Take the arrays of one link in."""
        layer = self._own.get(link, link)
        if layer not in self._plan.weights and link in self._others:
            layer = self._others[link]
            self._mapped.append(link)
        if layer in self.layers:
            raise FileError(
                f"{self._path}: two of its links are for layer {layer!r}, one of them {link!r};"
                " take another copy"
            )
        if layer in self._plan.weights:
            self.layers[layer] = self._ordered(layer, link, named)
        elif link in self._chains and not any(map(_is_array, named.values())):
            self._books += [f"{link}/{name}" if link else name for name in named]
        else:
            self.layers[layer] = [array for array in named.values() if array is not None]

    def _ordered(self, layer: str, link: str, named: Arrays) -> list[np.ndarray]:
        """One layer's arrays in Caffe's order; single numbers that it lacks go to the books."""
        label = self._plan.layer(layer).label
        blobs = [NAMES.get(blob, blob) for blob in self._plan.weights[layer]]
        strange = [name for name in named if name not in blobs]
        if any(_is_array(named[name]) for name in strange):
            raise FileError(
                f"{self._path}: the link {link!r} has the arrays {_listed(named)}, where {label}"
                f" has {_listed(blobs)}; load it with the network it was made for"
            )
        self._books += [f"{link}/{name}" for name in strange]
        unfilled = [name for name in blobs if name in named and named[name] is None]
        if unfilled:
            raise FileError(
                f"{self._path}: {link}/{unfilled[0]} holds None or one whole number, where {label}"
                " needs weights; run the chain once before it is saved"
            )
        arrays = [named.get(name) for name in blobs]
        while arrays and arrays[-1] is None:
            arrays.pop()
        return [_LACKING if array is None else array for array in arrays]

    def notices(self) -> list[str]:
        """The lines to print: links under other names, and arrays that were left out."""
        lines = []
        if self._mapped and self._example:
            link, layer = next(pair for pair in self._others.items() if pair[0] in self._mapped)
            lines.append(
                f"{self._path.name}: {len(self._mapped)} links have names of Chainer's example and"
                f" were given to this network's layers, {link} to {layer} and so on; train it"
                f" before use, since {self._example.differs}"
            )
        if self._books:
            lines.append(f"{_listed(self._books)}: bookkeeping in {self._path.name}; ignored")
        return lines


def _links(plan: Plan) -> dict[str, str]:
    """By layer the path of its link in the engine's chain.

    Raises:
        FileError: two layers have one path.
    """
    taken, links = set(TAKEN), {}
    for layer in plan.weights:
        name = layer
        while name in taken:
            name += "_"
        taken.add(name)
        # Chainer leaves them out of a file.
        links[layer] = name.strip("/")
    if len(set(links.values())) < len(links):
        raise FileError(
            f"{plan.name}: two layers differ only in slashes around their names, and Chainer's"
            " files leave these out; save it as .hdf5 or .safetensors"
        )
    return links


def _above(links: Iterable[str]) -> set[str]:
    """Every path that leads to one of the links."""
    parts = [link.split("/") for link in links]
    return {"/".join(names[:end]) for names in parts for end in range(1, len(names))}


def _is_array(array: np.ndarray | None) -> bool:
    return array is not None and array.shape != ()


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more
