"""Nets computed by the original Caffe: the same numbers, to 1e-4 of the largest."""

import numpy as np
import pytest

from deelish import Deel, Network

# The nets whose layer types deelish has so far.
NETS = [
    "batchnorm_batchstats",
    "conv",
    "hdf5_weights",
    "inception_mini",
    "legacy_input_dim",
    "legacy_input_shape",
    "lrn_across",
    "pool_ave",
    "pool_max",
    "resnet_mini",
    "shared_weights",
]


@pytest.mark.parametrize("name", NETS)
def test_every_blob_is_caffes(material, name):
    folder = material / "caffe-golden" / name
    stored = np.load(folder / "io.npz")
    inputs = {key[3:]: stored[key] for key in stored if key.startswith("in:")}
    wanted = {key[4:]: stored[key] for key in stored if key[:4] in ("out:", "mid:")}
    with Deel():
        answer = Network.load(folder / "net.caffemodel").run(inputs, wanted)
    assert wanted
    for blob, values in wanted.items():
        assert answer[blob].shape == values.shape, blob
        assert abs(answer[blob] - values).max() <= 1e-4 * abs(values).max(), blob
