"""Nets that the original Caffe computed: every blob, every shape, through every pair of files."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from deelish import CaffeNet, Deel

pytestmark = pytest.mark.usefixtures("each_engine")

# Of the largest magnitude of an array.
TOLERANCE = 1e-5


def _folders() -> list[Path]:
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("DEELISH_MATERIAL") or beside) / "caffe-golden"
    return sorted(path for path in folder.glob("*") if (path / "io.npz").is_file())


def _pairs(folder: Path) -> list[tuple[Path, Path | None]]:
    """Weights with each net in text; and alone, where the net inside is the whole of it."""
    weights = sorted([*folder.glob("*.caffemodel"), *folder.glob("*.h5")])
    return list(itertools.product(weights, sorted(folder.glob("*.prototxt"))))


PAIRS = [
    pytest.param(folder, *pair, id=f"{folder.name}-{pair[0].name}-{pair[1].name}")
    for folder in _folders()
    for pair in _pairs(folder)
] or [pytest.param(None, None, None, id="none")]


@pytest.mark.parametrize(("folder", "weights", "definition"), PAIRS)
def test_every_blob_is_caffes(material, folder, weights, definition):
    if folder is None:
        pytest.skip("caffe-golden is not in the shared material")
    Deel()
    # One of the nets has a layer without weights in the file, on purpose.
    _check(CaffeNet(weights, definition, allow_missing=True), folder)


@pytest.mark.parametrize("folder", _folders() or [None], ids=lambda path: path and path.name)
def test_the_net_inside_the_weights_gives_the_same_outputs(material, folder):
    if folder is None:
        pytest.skip("caffe-golden is not in the shared material")
    if folder.name in ("odd_blobs", "syntax"):
        pytest.skip("the net inside this file is not the one that was computed")
    Deel()
    _check(CaffeNet(folder / "net.caffemodel"), folder)


def _check(net, folder):
    with np.load(folder / "io.npz") as arrays:
        inputs = {key[3:]: arrays[key] for key in arrays if key.startswith("in:")}
        expected = {key[4:]: arrays[key] for key in arrays if key.startswith(("out:", "mid:"))}
    output = net.run(inputs, list(expected))
    for name, wanted in expected.items():
        assert output[name].shape == wanted.shape, name
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-30)
        np.testing.assert_allclose(
            output[name] / scale, wanted / scale, rtol=0, atol=TOLERANCE, err_msg=name
        )


def test_the_nets_outputs_are_caffes(material):
    checked = 0
    for folder in _folders():
        Deel()
        net = CaffeNet(folder / "net.caffemodel", folder / "net.prototxt", allow_missing=True)
        with np.load(folder / "io.npz") as arrays:
            assert set(net.plan.outputs) == {key[4:] for key in arrays if key.startswith("out:")}
            checked += 1
    assert checked or pytest.skip("caffe-golden is not in the shared material")
