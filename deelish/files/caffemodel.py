"""Networks as Caffe files: the weights with the net inside, and the text net beside them."""

from __future__ import annotations

from pathlib import Path

from deelish import report
from deelish.caffe.prototxt import prototxt
from deelish.caffe.read import CaffeNet, read_net, weights_of
from deelish.caffe.rows import rows_of
from deelish.caffe.write import caffemodel_bytes
from deelish.engines.base import Values
from deelish.files.match import match
from deelish.files.record import Header, Record, Stored
from deelish.images.preprocessing import Preprocessing
from deelish.plan.plan import Plan

# What most nets trained on ImageNet take off; a Caffe file does not tell its own.
IMAGENET_MEAN = (104.0, 117.0, 123.0)


def write(path: Path, record: Record) -> None:
    """Write weights and net; deelish's own header rides along in a field that Caffe skips."""
    path.write_bytes(caffemodel_bytes(record.plan, record.values, record.header()))


def write_definition(path: Path, record: Record) -> None:
    """Write the text net that Caffe and OpenCV want beside the weights."""
    path.write_text(prototxt(record.plan), encoding="utf-8")


def arrays(path: Path) -> Stored:
    """The blobs of each layer: views of the file, nothing is copied."""
    net = read_net(path)
    if net.note is None:
        return Stored(weights_of(net))
    header = Header.read(net.note, path)
    return Stored(weights_of(net), header.untrained, header.labels, header.preprocessing)


def read(path: Path) -> Record:
    """The network in a Caffe file, deelish's own or foreign."""
    net = read_net(path)
    if net.note is None:
        return _foreign(path, net)
    header = Header.read(net.note, path)
    values: Values = {
        layer: dict(zip(header.plan.weights.get(layer, {}), blobs, strict=False))
        for layer, blobs in weights_of(net).items()
    }
    return header.record(values, path)


def _foreign(path: Path, net: CaffeNet) -> Record:
    rows, inputs = rows_of(net)
    plan = Plan(rows, inputs, net.name or path.stem)
    values = match(plan, path, Stored(weights_of(net)), replace=False).values
    shape = next(iter(inputs.values()))
    grey = len(shape) > 1 and shape[1] == 1
    size = shape[-1]
    report.say(f"{path}: a Caffe file does not tell its mean; {IMAGENET_MEAN} of ImageNet is taken")
    made = Preprocessing(size, "L" if grey else "BGR", (0.0,) if grey else IMAGENET_MEAN)
    return Record(plan, values, None, made, [])
