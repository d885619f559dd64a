"""Nets of the two old formats: what Caffe's own upgrade makes of them, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.read import CaffeLayer, ParsedNet, read_definition, read_net, weights_of

Text = Callable[[str], ParsedNet]


@pytest.fixture
def text(tmp_path: Path) -> Text:
    """Read a net in text."""

    def read(content: str) -> ParsedNet:
        path = tmp_path / "net.prototxt"
        path.write_text(content)
        return read_definition(path)

    return read


def described(layers: list[CaffeLayer]) -> list[dict[str, Any]]:
    """All of the layers but where they are in a file; blobs as shapes and bytes."""
    rows = []
    for layer in layers:
        row = {key: value for key, value in vars(layer).items() if key not in ("line", "blobs")}
        rows.append(row | {"blobs": [(blob.shape, blob.tobytes()) for blob in layer.blobs]})
    return rows


@pytest.mark.parametrize("name", ["v0", "v1"])
@pytest.mark.parametrize(
    ("read", "extension"), [(read_net, "caffemodel"), (read_definition, "prototxt")]
)
def test_old_nets_read_like_caffes_own_upgrade(
    material: Path, name: str, read: Callable[[Path], ParsedNet], extension: str
) -> None:
    folder = material / "caffe-golden" / name
    old, new = read(folder / f"net.{extension}"), read(folder / f"net_v2.{extension}")
    upgraded = [layer for layer in new.layers if layer.type != "Input"]
    assert len(upgraded) >= 11
    assert described(old.layers) == described(upgraded)
    assert (old.name, old.inputs, old.state) == (new.name, new.inputs, new.state)
    assert bool(weights_of(old)) == (extension == "caffemodel")


def v0(inner: str, outer: str = 'bottom: "data" top: "y"') -> str:
    return f'layers {{ layer {{ name: "x" {inner} }} {outer} }}\n'


def v1(fields: str) -> str:
    return f'layers {{ name: "x" {fields} }}\n'


FEED = v0('type: "data"', 'top: "data"')


@pytest.mark.parametrize(
    ("inner", "type", "args"),
    [
        (
            'type: "conv" num_output: 4 kernelsize: 3 stride: 2 pad: 1 group: 2 biasterm: false',
            "Convolution",
            {
                "num_output": 4,
                "kernel_size": [3],
                "stride": [2],
                "pad": [1],
                "group": 2,
                "bias_term": False,
            },
        ),
        (
            'type: "pool" pool: AVE kernelsize: 3 stride: 2 pad: 1',
            "Pooling",
            {"pool": "AVE", "kernel_size": 3, "stride": 2, "pad": 1},
        ),
        (
            'type: "innerproduct" num_output: 4 weight_filler { type: "xavier" }',
            "InnerProduct",
            {"num_output": 4, "weight_filler": {"type": "xavier"}},
        ),
        ('type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2', "LRN", None),
        ('type: "dropout" dropout_ratio: 0.7', "Dropout", {"dropout_ratio": 0.7}),
        ('type: "concat" concat_dim: 2', "Concat", {"concat_dim": 2}),
        ('type: "softmax_loss"', "SoftmaxWithLoss", {}),
        ('type: "infogain_loss" source: "h"', "InfogainLoss", {"source": "h"}),
        (
            'type: "data" source: "db" batchsize: 8 rand_skip: 3',
            "Data",
            {"source": "db", "batch_size": 8, "rand_skip": 3},
        ),
        (
            'type: "data" scale: 0.5 meanfile: "m" cropsize: 4 mirror: true',
            "Data",
            {"scale": 0.5, "mean_file": "m", "crop_size": 4, "mirror": True},
        ),
        (
            'type: "images" shuffle_images: true new_height: 9 new_width: 8',
            "ImageData",
            {"shuffle": True, "new_height": 9, "new_width": 8},
        ),
        (
            'type: "window_data" det_fg_threshold: 0.5 det_bg_threshold: 0.25',
            "WindowData",
            {"fg_threshold": 0.5, "bg_threshold": 0.25},
        ),
        (
            'type: "window_data" det_fg_fraction: 1 det_context_pad: 2 det_crop_mode: "warp"',
            "WindowData",
            {"fg_fraction": 1.0, "context_pad": 2, "crop_mode": "warp"},
        ),
        (
            'type: "hdf5_output" hdf5_output_param { file_name: "f" }',
            "HDF5Output",
            {"file_name": "f"},
        ),
        # Caffe forgets these two.
        ('type: "relu" new_num: 2 new_channels: 3', "ReLU", {}),
    ],
)
def test_fields_of_v0(text: Text, inner: str, type: str, args: dict[str, Any] | None) -> None:
    layer = text(FEED + v0(inner)).layers[1]
    assert (layer.name, layer.type, layer.line) == ("x", type, 2)
    if args is None:
        args = {"local_size": 3, "alpha": 0.1, "beta": 0.5, "k": 2.0}
    assert layer.args == args


PAD = v0('type: "padding" pad: 2', 'bottom: "data" top: "p"')


def test_padding_folds_into_all_its_readers(text: Text) -> None:
    conv = v0('type: "conv" pad: 7', 'bottom: "p" top: "c"')
    pool = v0('type: "pool"', 'bottom: "p" top: "q"')
    _, first, second = text(FEED + PAD + conv + pool).layers
    assert (first.bottoms, first.args) == (("data",), {"pad": [2]})
    assert (second.bottoms, second.args) == (("data",), {"pad": 2})


def test_a_blob_that_is_made_again_is_no_padding_any_more(text: Text) -> None:
    again = v0('type: "relu"', 'bottom: "data" top: "p"')
    layer = text(FEED + PAD + again + v0('type: "conv"', 'bottom: "p" top: "c"')).layers[-1]
    assert (layer.bottoms, layer.args) == (("p",), {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (FEED + v0('type: "relu" stride: 2'), ":2: layer 'x': a relu has no stride; take the"),
        (FEED + v0('type: "lrn" source: "a"'), ":2: layer 'x': a lrn has no source; take the"),
        (FEED + v0('type: "reshape"'), "its type is 'reshape', which the V0 format never had"),
        (FEED + v0(""), ":2: layer 'x': it has no type"),
        (v0('type: "relu"'), ":1: layer 'x': it reads blob 'data', which nothing before it makes"),
        (
            FEED + PAD + v0('type: "relu"', 'bottom: "p" top: "c"'),
            "reads the padding of layer 'x', which has 1 bottoms and 1 tops; only a conv or a pool",
        ),
        (
            FEED + PAD + v0('type: "conv"', 'bottom: "p" bottom: "data" top: "c"'),
            "a conv with 2 bottoms reads the padding of layer 'x'",
        ),
        (
            FEED + v0('type: "relu"') + v1("type: RELU"),
            "layer number 3: it mixes layers of the V0 and of the V1 format",
        ),
        (v1("type: NONE"), ":1: layer number 1: it has no type"),
        (v1("type: RELU") + 'layer { name: "y" type: "ReLU" }', "it mixes `layer` and `layers`"),
    ],
)
def test_what_caffes_upgrade_refuses(text: Text, content: str, words: str) -> None:
    with pytest.raises(CaffeError, match=f"net.prototxt:?.*{re.escape(words)}"):
        text(content)


@pytest.mark.parametrize(
    ("fields", "specs"),
    [
        ("", []),
        ("blobs_lr: 1 blobs_lr: 2", [{"lr_mult": 1.0}, {"lr_mult": 2.0}]),
        (
            "weight_decay: 1 weight_decay: 0 blobs_lr: 3",
            [{"lr_mult": 3.0, "decay_mult": 1.0}, {"decay_mult": 0.0}],
        ),
        (
            'param: "w" blob_share_mode: STRICT blob_share_mode: PERMISSIVE',
            [{"name": "w", "share_mode": "STRICT"}, {"share_mode": "PERMISSIVE"}],
        ),
    ],
)
def test_param_of_v1(text: Text, fields: str, specs: list[dict[str, Any]]) -> None:
    assert text(v1(f"type: CONVOLUTION {fields}")).layers[0].param == specs


def test_rules_and_loss_weight_of_v1_are_kept(text: Text) -> None:
    (layer,) = text(v1("type: SOFTMAX_LOSS include { phase: TRAIN } loss_weight: 0.3")).layers
    assert (layer.type, layer.loss_weight) == ("SoftmaxWithLoss", [0.3])
    assert layer.include == [{"phase": "TRAIN"}]


@pytest.mark.parametrize(
    ("type", "count", "rates"),
    [("BatchNorm", 3, [0.0] * 3), ("BatchNorm", 2, [1.0] * 2), ("Scale", 3, [1.0] * 3)],
)
def test_three_param_of_a_batch_norm_are_never_trained(
    text: Text, type: str, count: int, rates: list[float]
) -> None:
    specs = "param { lr_mult: 1 decay_mult: 1 }" * count
    (layer,) = text(f'layer {{ name: "b" type: "{type}" {specs} }}').layers
    assert [spec["lr_mult"] for spec in layer.param] == rates
    assert [spec["decay_mult"] for spec in layer.param] == rates
