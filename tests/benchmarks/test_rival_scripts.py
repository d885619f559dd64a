"""The scripts of the rivals: their networks and their loss, against deelish and a formula."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
# A git checkout of pytorch-image-models, whose train.py is in no wheel.
CHECKOUT = os.environ.get("DEELISH_TIMM")


@pytest.mark.parametrize(
    ("name", "made"),
    [("GoogLeNet", lambda: GoogLeNet(labels=10, in_size=96)), ("NIN", NetworkInNetworkCIFAR10)],
)
def test_the_networks_of_the_others_give_the_logits_of_deelishs(
    part, tmp_path, monkeypatch, name, made
):
    monkeypatch.syspath_prepend(str(FOLDER / "rivals"))
    networks = part("networks")
    with Deel(seed=1):
        ours = made()
        path = ours.save(tmp_path / "network.safetensors")
        x = np.random.default_rng(0).normal(0, 70, ours.plan.inputs["data"]).astype(np.float32)
        (expected,) = ours.run({"data": x}, ours.plan.logits).values()
    theirs = networks.load(getattr(networks, name)(), path).eval()
    with torch.no_grad():
        logits = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, expected.reshape(1, 10), atol=1e-4)


@pytest.fixture
def certain(small, tmp_path):
    """The arguments of a script, for a training whose first loss is known; and that loss.

    Images of one colour look alike in every view, and the logits of a student whose last layer has
    no weights are its biases, whatever dropout does. It is one batch, each image 16 times.
    """
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("teacher", "student")]
    images = [small / f"{number}.png" for number in (1, 6, 11, 16)]
    with Deel(seed=1, precision="float32"):
        teacher = GoogLeNet(labels=10, in_size=96)
        teacher.save(paths[0])
        NetworkInNetworkCIFAR10().save(paths[1])
        logits = [teacher_logits(teacher, path) for path in images]
    # Random weights give ten logits that are almost equal; these are as far apart as trained ones.
    factor = 4 / np.std(logits, axis=1).mean()
    change(paths[0], "loss3/classifier", lambda values: factor * values)
    bias = np.arange(10, dtype=np.float32) / 3
    change(paths[1], "cccp6", lambda values: bias if values.ndim == 1 else 0 * values)
    soft_teacher, soft_student = (
        log_softmax(each / 4) for each in (factor * np.array(logits), bias)
    )
    loss = 16 * (np.exp(soft_teacher) * (soft_teacher - soft_student)).sum(1).mean()
    for name, count in (("train.txt", 16), ("test.txt", 1)):
        lines = [f"{path} {label}\n" for label, path in enumerate(images)]
        (tmp_path / name).write_text("".join(count * lines))
        paths.append(str(tmp_path / name))
    return [*paths, str(tmp_path / "saved.pt"), "1", "0"], loss


def teacher_logits(teacher, path):
    """The logits for an image of one colour: blue, green and red, less their means."""
    colour = np.array(Image.open(path).getpixel((0, 0)), np.float32)[::-1] - (104, 117, 123)
    x = np.broadcast_to(colour[None, :, None, None], (1, 3, 96, 96)).astype(np.float32)
    return teacher.run({"data": x}, teacher.plan.logits)[teacher.plan.logits].reshape(10)


def change(path, layer, new):
    """Give the weights of a layer other values in a file."""
    arrays = load_file(path)
    names = [name for name in arrays if name.startswith(layer)]
    assert len(names) == 2
    save_file({**arrays, **{name: new(arrays[name]) for name in names}}, path)


def log_softmax(values):
    return values - np.log(np.exp(values).sum(-1, keepdims=True))


@pytest.mark.long
@pytest.mark.parametrize("script", ["with_pytorch.py", "with_expert.py", "with_timm.py"])
def test_the_scripts_have_the_loss_of_the_formula(certain, script):
    (arguments, expected) = certain
    if script == "with_timm.py":
        if not CHECKOUT:
            pytest.skip("name a git checkout of pytorch-image-models in DEELISH_TIMM")
        arguments.append(f"{CHECKOUT}/train.py")
    command = [sys.executable, FOLDER / "rivals" / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loss = float(re.search(r'(?:epoch 1: loss|"loss":) ([\d.]+)', done.stdout)[1])
    # Bfloat16 has three digits.
    assert loss == pytest.approx(expected, rel=0.03)
    assert '{"accuracy": 0.' in done.stdout.splitlines()[-1]
    assert set(torch.load(arguments[4])) > {"conv1.weight", "cccp6.bias"}
