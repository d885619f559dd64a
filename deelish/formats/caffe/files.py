"""Networks as Caffe files: the weights with the net inside, and the text net beside them."""

from __future__ import annotations

from pathlib import Path

from deelish.engines.base import Values
from deelish.formats.caffe.network import NetOptions, open_net
from deelish.formats.caffe.prototxt import prototxt
from deelish.formats.caffe.read import read_net, weights_of
from deelish.formats.caffe.write import caffemodel_bytes
from deelish.formats.saved_network import NetworkHeader, SavedNetwork, StoredWeights


def to_bytes(network: SavedNetwork) -> bytes:
    """Weights and net; deelish's own header rides along in a field that Caffe skips."""
    return caffemodel_bytes(network.plan, network.values, network.header(sealed=False))


def definition(network: SavedNetwork) -> bytes:
    """The text net that Caffe and OpenCV need beside the weights."""
    return prototxt(network.plan).encode()


def arrays(path: Path) -> StoredWeights:
    """The blobs of each layer: views of the file, nothing is copied."""
    net = read_net(path)
    if net.note is None:
        return StoredWeights(weights_of(net))
    header = NetworkHeader.read(net.note, path)
    return StoredWeights(
        weights_of(net),
        header.untrained,
        header.labels,
        header.preprocessing,
        header.sequences,
    )


def read(path: Path) -> SavedNetwork:
    """The network in a Caffe file, deelish's own or another program's."""
    net = read_net(path)
    if net.note is None:
        opened = open_net(path, None, NetOptions())
        return SavedNetwork(
            opened.plan, opened.loaded.values, None, opened.preprocessing, [], opened.loaded.notices
        )
    header = NetworkHeader.read(net.note, path)
    values: Values = {
        layer: dict(zip(header.plan.weights.get(layer, {}), blobs, strict=False))
        for layer, blobs in weights_of(net).items()
    }
    return header.network(values, path)
