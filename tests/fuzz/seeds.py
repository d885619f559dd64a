"""Sound Caffe files to be damaged: small nets made here, and Caffe's own where they are at hand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from fuzz.forms import DATA, blob, rewritten

from deelish.formats.caffe import caffemodel_bytes, prototxt, rows_of
from deelish.formats.caffe.codec import encode
from deelish.formats.caffe.read import read_definition
from deelish.formats.caffe.schema import NET
from deelish.formats.caffe.wire import block, varint
from deelish.plan import Layer, Plan

# A net with a layer of every type.
ZOO = Path(__file__).with_name("zoo.prototxt")


@dataclass(frozen=True)
class Seed:
    """One sound file, and the files that it is opened with.

    Attributes:
        name: how a failure calls it.
        kind: caffemodel, prototxt, hdf5 or mean.
        content: its bytes.
        weights: a .caffemodel of the same net.
        definition: its text.
    """

    name: str
    kind: str
    content: bytes
    weights: bytes | None = None
    definition: bytes | None = None


def seeds(material: Path | None) -> list[Seed]:
    """All seeds; those that are made here several times, as they have every type and form."""
    return made() * 3 + (golden(material) if material else [])


def material_folder() -> Path | None:
    """The shared material for scripts: $DEELISH_MATERIAL, else `shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("DEELISH_MATERIAL") or beside)
    return folder if folder.is_dir() else None


def golden(material: Path) -> list[Seed]:
    """Caffe's own files, their weights in each form that Caffe ever wrote."""
    found = []
    for path in sorted(material.glob("caffe-golden/*/*.caffemodel")):
        name, weights = f"{path.parent.name}/{path.stem}", path.read_bytes()
        text = path.with_suffix(".prototxt").read_bytes()
        found += _forms(name, weights, text)
        found.append(Seed(f"{name}.prototxt", "prototxt", text, weights))
        if (hdf5 := path.with_suffix(".caffemodel.h5")).exists():
            found.append(Seed(f"{name}.h5", "hdf5", hdf5.read_bytes(), None, text))
    return found


def made() -> list[Seed]:
    """Nets of the three formats, a text, HDF5 and a mean, all without the shared material."""
    plan = _plan()
    weights, text = caffemodel_bytes(plan, _arrays(plan), "a note"), prototxt(plan).encode()
    zoo = Plan(*rows_of(read_definition(ZOO)))
    animals = caffemodel_bytes(zoo, _arrays(zoo))
    mean = blob(np.arange(48.0).reshape(1, 3, 4, 4), old=True)
    return [
        *_forms("made", weights, text),
        *_forms("today", today(), None),
        *_forms("second", second(), None),
        *_forms("first", first(), None),
        *_forms("fed", fed(), FED_TEXT),
        *_forms("zoo", animals, ZOO.read_bytes()),
        Seed("made.prototxt", "prototxt", text, weights),
        Seed("zoo.prototxt", "prototxt", ZOO.read_bytes(), animals),
        Seed("old.prototxt", "prototxt", OLD_TEXT),
        Seed("fed.prototxt", "prototxt", FED_TEXT, fed()),
        Seed("made.h5", "hdf5", _hdf5(_arrays(plan)), None, text),
        Seed("made.binaryproto", "mean", mean, weights),
    ]


def _forms(name: str, weights: bytes, text: bytes | None) -> Iterable[Seed]:
    yield Seed(f"{name}.caffemodel", "caffemodel", weights, None, text)
    for data in DATA:
        for old in (False, True):
            content = rewritten(weights, NET, data, old)
            how = f"{data}, {'old' if old else 'new'} sides"
            yield Seed(f"{name}.caffemodel ({how})", "caffemodel", content, None, text)


def _plan() -> Plan:
    layers = [
        Layer("conv", "Convolution", num_output=4, kernel_size=(3, 1), group=1),
        Layer("bn", "BatchNorm", use_global_stats=True),
        Layer("scale", "Scale", bias_term=True),
        Layer("relu", "ReLU"),
        Layer("pool", "Pooling", pool="AVE", kernel_size=2, stride=2),
        Layer("left", "Convolution", "pool", num_output=2, kernel_size=1, bias_term=False),
        Layer("both", "Concat", ("left", "pool")),
        Layer("drop", "Dropout", dropout_ratio=0.4),
        Layer("fc", "InnerProduct", num_output=5, weight_filler={"type": "gaussian", "std": 0.1}),
        Layer("prob", "Softmax"),
    ]
    return Plan(layers, {"data": (1, 3, 8, 8)}, name="made")


def _arrays(plan: Plan) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(2016)
    return {
        layer: {name: rng.random(each.shape, np.float32) for name, each in blobs.items()}
        for layer, blobs in plan.weights.items()
    }


def _hdf5(arrays: dict[str, dict[str, np.ndarray]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.h5"
        with h5py.File(path, "w") as file:
            for layer, blobs in arrays.items():
                for index, array in enumerate(blobs.values()):
                    file[f"data/{layer}/{index}"] = array
        return path.read_bytes()


def today() -> bytes:
    """A net with an Input layer, specs, rules, a state and a note."""
    layers = [
        {
            "name": "in",
            "type": "Input",
            "top": ["data"],
            "input_param": {"shape": [{"dim": [1, 2, 5, 5]}]},
        },
        {
            "name": "conv",
            "type": "Convolution",
            "bottom": ["data"],
            "top": ["conv"],
            "param": [{"lr_mult": 1.0, "decay_mult": 1.0}, {"name": "b", "lr_mult": 2.0}],
            "convolution_param": {
                "num_output": 2,
                "kernel_size": [3],
                "bias_filler": {"value": 0.5},
            },
            "blobs": [
                {"shape": {"dim": [2, 2, 3, 3]}, "data": np.ones((2, 2, 3, 3))},
                {"shape": {"dim": [2]}, "data": np.ones(2)},
            ],
        },
        {
            "name": "relu",
            "type": "ReLU",
            "bottom": ["conv"],
            "top": ["conv"],
            "include": [{"phase": "TEST", "min_level": 0, "not_stage": ["train"]}],
        },
    ]
    state = {"level": 0, "stage": ["deploy"]}
    return encode({"name": "today", "state": state, "layer": layers, "note": "the note"}, NET)


def first() -> bytes:
    """A V0 net with a padding layer."""
    inner = [
        {"name": "pad", "type": "padding", "pad": 2},
        {
            "name": "conv",
            "type": "conv",
            "num_output": 2,
            "kernelsize": 3,
            "weight_filler": {"type": "gaussian", "std": 0.5},
            "blobs": [
                {"num": 2, "channels": 1, "height": 3, "width": 3, "data": np.ones(18)},
                {"num": 1, "channels": 1, "height": 1, "width": 2, "data": np.ones(2)},
            ],
            "blobs_lr": [1.0, 2.0],
        },
        {"name": "norm", "type": "lrn", "local_size": 3, "alpha": 0.5},
        {"name": "pool", "type": "pool", "pool": "MAX", "kernelsize": 2, "stride": 2},
    ]
    blobs = ["data", *(layer["name"] for layer in inner)]
    layers = [
        {"layer": layer, "bottom": [blobs[index]], "top": [blobs[index + 1]]}
        for index, layer in enumerate(inner)
    ]
    net = {"name": "first", "input": ["data"], "input_dim": [1, 1, 5, 5], "layers": layers}
    return encode(net, NET)


def second() -> bytes:
    """A V1 net, its inputs behind its layer."""
    blobs = block(6, blob(np.arange(6.0).reshape(2, 3), "single", old=True))
    blobs += block(6, blob(np.ones(2), "doubles", old=True))
    head = block(2, b"data") + block(3, b"y") + block(4, b"ip") + b"\x28\x0e"
    layer = head + blobs + block(17, b"\x08\x02" + block(3, block(1, b"xavier")))
    inputs = block(3, b"data") + b"".join(b"\x20" + varint(side) for side in (1, 3, 1, 1))
    return block(1, b"old") + block(2, layer) + inputs


def fed() -> bytes:
    """A net that is fed with images, whose size, mean and scale it tells."""
    transform = {"scale": 0.5, "crop_size": 6, "mean_value": [104.0, 117.0, 123.0], "mirror": True}
    source = {"source": "list", "batch_size": 2, "backend": "LMDB"}
    rule = [{"phase": "TEST"}]
    layers = [
        {"name": "data", "type": "Data", "top": ["data", "label"], "include": rule}
        | {"transform_param": transform, "data_param": source},
        {"name": "conv", "type": "Convolution", "bottom": ["data"], "top": ["conv"]}
        | {"convolution_param": {"num_output": 2, "kernel_size": [6], "bias_term": False}}
        | {"blobs": [{"shape": {"dim": [2, 3, 6, 6]}, "data": np.ones((2, 3, 6, 6))}]}
        | {"param": [{"lr_mult": 0.0, "decay_mult": 2.0}]},
        {"name": "loss", "type": "SoftmaxWithLoss", "bottom": ["conv", "label"], "top": ["loss"]}
        | {"loss_weight": [0.5], "loss_param": {"ignore_label": 7, "normalization": "VALID"}},
    ]
    return encode({"name": "fed", "layer": layers}, NET)


FED_TEXT = b"""name: "fed"
layer { name: "data" type: "ImageData" top: "data" top: "label" include: { phase: TEST }
  transform_param { scale: 0.00390625 crop_size: 6 mean_value: [104, 117, 123] mirror: false }
  image_data_param { source: "list.txt" batch_size: 2 new_height: 8 new_width: 8 } }
input: "data" input_shape { dim: 1 dim: 3 dim: 6 dim: 6 } input: "label" input_shape { dim: 1 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 0 }
  convolution_param { num_output: 2 kernel_size: 6 bias_term: false } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "loss"
  loss_param { ignore_label: 7 normalization: VALID } }
"""
OLD_TEXT = b"""# The second format.
name: "old" input: 'data' input_dim: [1, 3, 8, 8]
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2.5e-1
  convolution_param < num_output: 0x4 kernel_h: 3 kernel_w: 1 weight_filler { type: "xavier" } > }
layers { name: "ip" type: INNER_PRODUCT bottom: "conv" top: "ip"
  inner_product_param { num_output: 5 } include { phase: TEST min_level: 0 not_stage: "a" 'b' } }
layers { name: "prob\\t" type: SOFTMAX bottom: "ip" top: "prob"; }
"""
