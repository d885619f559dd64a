"""Nets computed by the original Caffe, written as ONNX: onnxruntime gives Caffe's numbers."""

import numpy as np
import pytest

from deelish import Deel
from deelish.language.caffenet import CaffeNet

pytest.importorskip("onnx.checker")
pytest.importorskip("onnxruntime")

NETS = [
    "activations",
    "argmax",
    "batchnorm_batchstats",
    "batchnorm_scale",
    "concat_slice",
    "conv",
    "conv_multi_bottom",
    "conv_nd",
    "crop",
    "crop_nd",
    "deconv",
    "dropout_softmax",
    "eltwise_split",
    "extra_layers",
    "fcn_mini",
    "flatten_reshape",
    "hdf5_weights",
    "inception_mini",
    "inner_product",
    "legacy_input_dim",
    "legacy_input_shape",
    "lrn_across",
    "lrn_within",
    "mvn",
    "odd_blobs",
    "parameter_dummy",
    "phase_rules",
    "pool_ave",
    "pool_max",
    "pool_max_mask",
    "power_exp_log",
    "quirk_pool_empty_window",
    "reduction",
    "resnet_mini",
    "scale_bias",
    "shared_weights",
    "silence",
    "syntax",
    "tile_embed",
    "v0",
    "v1",
]


@pytest.mark.parametrize("name", NETS)
def test_every_output_is_caffes(material, run, tmp_path, name):
    folder = material / "caffe-golden" / name
    if not folder.is_dir():
        pytest.skip(f"caffe-golden/{name} is not in the shared material")
    stored = np.load(folder / "io.npz")
    with Deel():
        net = CaffeNet(folder / "net.caffemodel", folder / "net.prototxt", allow_missing=True)
        path = net.export(tmp_path / "net.onnx")
    output = run(path, {key[3:]: stored[key] for key in stored if key.startswith("in:")})
    # The one net with losses: what they read is its output.
    wanted = ["mid:ip"] if name == "phase_rules" else [k for k in stored if k.startswith("out:")]
    assert {key[4:] for key in wanted} == set(output)
    for key in wanted:
        ours, caffes = output[key[4:]], stored[key]
        assert ours.shape == caffes.shape, key
        assert np.array_equal(np.isnan(ours), np.isnan(caffes)), key
        assert np.nanmax(abs(ours - caffes)) <= 1e-5 * np.nanmax(abs(caffes)), key
