"""Every net that Caffe computed, saved in every format: each copy gives the logits of the first."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from deelish import CaffeNet, Deel, Network

pytestmark = pytest.mark.usefixtures("each_engine")


def _folders() -> list[Path]:
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("DEELISH_MATERIAL") or beside) / "caffe-golden"
    return sorted(path for path in folder.glob("*") if (path / "io.npz").is_file())


@pytest.mark.parametrize("folder", _folders() or [None], ids=lambda path: path and path.name)
def test_every_copy_gives_the_same_outputs(material, tmp_path, folder):
    if folder is None:
        pytest.skip("caffe-golden is not in the shared material")
    Deel()
    net = CaffeNet(folder / "net.caffemodel", folder / "net.prototxt", allow_missing=True)
    with np.load(folder / "io.npz") as arrays:
        inputs = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
    wanted = net.run(inputs)
    caffe = net.save(tmp_path / "copy.caffemodel")
    copies = [
        Network.load(net.save(tmp_path / "copy.hdf5")),
        Network.load(net.save(tmp_path / "copy.safetensors")),
        Network.load(caffe),
        # As Caffe would read them: the net inside, and the net in text.
        CaffeNet(caffe),
        CaffeNet(caffe, caffe.with_suffix(".prototxt")),
    ]
    for copy in copies:
        outputs = copy.run(inputs)
        assert outputs.keys() == wanted.keys()
        for name, array in wanted.items():
            np.testing.assert_array_equal(outputs[name], array, err_msg=name)
