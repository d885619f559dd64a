"""Nets in text: read like the binary ones, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from deelish.errors import CaffeError
from deelish.formats.caffe.read import read_definition, read_net, weights_of

NAMES = [
    "activations argmax batchnorm_batchstats batchnorm_scale concat_slice conv conv_multi_bottom",
    "conv_nd crop crop_nd deconv dropout_softmax eltwise_split extra_layers fcn_mini",
    "flatten_reshape hdf5_weights inception_mini inner_product legacy_input_dim",
    "legacy_input_shape losses lrn_across lrn_within lstm lstm_expose mvn parameter_dummy",
    "phase_rules pool_ave pool_max pool_max_mask power_exp_log quirk_pool_empty_window reduction",
    "resnet_mini rnn scale_bias shared_weights silence syntax tile_embed v0 v0/net_v2 v1 v1/net_v2",
]


@pytest.mark.parametrize("name", " ".join(NAMES).split())
def test_text_and_binary_of_a_golden_net_say_the_same(material: Path, name: str) -> None:
    """Caffe wrote the binary from the text: names in the one are numbers in the other."""
    stem = material / "caffe-golden" / (name if "/" in name else f"{name}/net")
    binary = read_net(stem.with_suffix(".caffemodel"))
    found = {layer.name: layer for layer in read_definition(stem.with_suffix(".prototxt")).layers}
    # Caffe adds Split layers, and the Input layer of old nets.
    both = [(layer, found[layer.name]) for layer in binary.layers if layer.name in found]
    in_test_phase = {name for name, layer in found.items() if layer.runs_in("TEST")}
    assert in_test_phase <= {layer.name for layer, _ in both}
    for layer, text in both:
        assert (layer.type, layer.args) == (text.type, text.args)
        assert (layer.line, text.line or 0) == (None, text.line)
        # Caffe fills in that a BatchNorm is not trained.
        assert layer.type == "BatchNorm" or layer.param == text.param


def test_a_type_with_two_parameters_has_the_fields_of_both(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        "layer { name: 'd' type: 'Data' data_param { source: 'db' batch_size: 2 scale: 3 }"
        " transform_param { mirror: true mean_value: [1, 2] scale: 5 } }"
        "layer { name: 'l' type: 'SoftmaxWithLoss' loss_weight: 2 softmax_param { axis: 2 }"
        " loss_param { ignore_label: -1 normalization: NONE } }"
    )
    data, loss = read_definition(path).layers
    own = {"source": "db", "batch_size": 2, "scale": 3.0}
    assert data.args == own | {"mirror": True, "mean_value": [1.0, 2.0]}
    assert loss.args == {"axis": 2, "ignore_label": -1, "normalization": "NONE"}
    assert loss.loss_weight == [2.0]


def test_weights_in_text(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text("layer { name: 'x' type: 'Bias' blobs { shape { dim: 2 } data: [1, 2] } }")
    assert weights_of(read_definition(path))["x"][0].tolist() == [1, 2]


def test_errors_of_text_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text("name: 'n'\nlayer { name: 'x' type: 'ReLU' }\nlayer { name: 'y' }\n")
    with pytest.raises(
        CaffeError, match=r"net.prototxt:3: layer number 2: it has no type; correct"
    ):
        read_definition(path)
