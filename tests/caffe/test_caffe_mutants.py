"""Damaged files: each ends in CaffeError or in a valid net, and in nothing else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deelish.caffe import caffemodel_bytes, read_net, rows_of, weights_of
from deelish.caffe.wire import block, tag, varint
from deelish.errors import CaffeError, PlanError
from deelish.plan import Layer, Plan

Saved = Callable[[bytes], Path]
Mutator = Callable[[bytes, random.Random], bytes]


def current() -> bytes:
    layers = [
        Layer("conv", "Convolution", num_output=2, kernel_size=3, bias_filler=0.2),
        Layer("relu", "ReLU", phase="TEST"),
        Layer("fc", "InnerProduct", num_output=3),
    ]
    plan = Plan(layers, {"data": (1, 2, 5, 5)}, name="mutant")
    arrays = {
        layer: {name: np.ones(blob.shape, np.float32) for name, blob in blobs.items()}
        for layer, blobs in plan.weights.items()
    }
    return caffemodel_bytes(plan, arrays, "the note")


def old() -> bytes:
    """A V1 net with all old forms: four sides, single floats, split runs, doubles."""
    floats = np.arange(6, dtype="<f4")
    sides = b"".join(tag(index + 1, 0) + varint(side) for index, side in enumerate((1, 1, 2, 3)))
    single = b"".join(b"\x2d" + number.tobytes() for number in floats)
    split = block(5, floats[:2].tobytes()) + block(5, floats[2:].tobytes())
    double = block(8, floats.astype("<f8").tobytes())
    blobs = b"".join(block(6, sides + data) for data in (single, split, double))
    head = block(2, b"data") + block(3, b"y") + block(4, b"ip") + b"\x28\x0e"
    layer = head + blobs + block(17, b"\x08\x02" + block(3, block(1, b"xavier")))
    inputs = block(3, b"data") + b"".join(b"\x20" + varint(side) for side in (1, 3, 1, 1))
    return block(1, b"old") + block(2, layer) + inputs


FILES = {"current": current(), "old": old()}


def try_to_read(path: Path) -> bool:
    """Whether the file is a net; any other error than CaffeError goes up."""
    try:
        net = read_net(path)
        weights = weights_of(net)
    except CaffeError as error:
        refusal = str(error)
    else:
        refusal = ""
    assert not refusal or refusal.startswith(f"{path}: ")
    if refusal:
        return False
    held = sum(blob.nbytes for blobs in weights.values() for blob in blobs)
    assert held <= path.stat().st_size
    with contextlib.suppress(CaffeError, PlanError):
        Plan(*rows_of(net))
    return True


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_valid(saved: Saved, name: str) -> None:
    assert try_to_read(saved(FILES[name]))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", range(8))
def test_cut_files(saved: Saved, name: str, part: int) -> None:
    content = FILES[name]
    ends = range(part, len(content), 8)
    valid = sum(try_to_read(saved(content[:end])) for end in ends)
    # A cut between two fields of the net itself leaves a net.
    assert valid <= 9


def flip_bit(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def change_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def stretch(content: bytes, rng: random.Random) -> bytes:
    """A long number in place of a byte."""
    at = rng.randrange(len(content))
    return content[:at] + varint(rng.getrandbits(rng.randrange(8, 65))) + content[at + 1 :]


def delete(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[at + rng.randrange(1, 30) :]


def splice(content: bytes, rng: random.Random) -> bytes:
    other = FILES[rng.choice(list(FILES))]
    start = rng.randrange(len(other))
    at = rng.randrange(len(content))
    return content[:at] + other[start : start + rng.randrange(1, 80)] + content[at:]


def lie(content: bytes, rng: random.Random) -> bytes:
    """Extremes where small numbers stand, among them lengths and sides."""
    small = [index for index, byte in enumerate(content) if 0 < byte < 64]
    changed = bytearray(content)
    changed[rng.choice(small)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mutate", [flip_bit, change_bytes, stretch, delete, splice, lie])
@pytest.mark.parametrize("seed", range(30))
def test_changed_files(saved: Saved, name: str, mutate: Mutator, seed: int) -> None:
    try_to_read(saved(mutate(FILES[name], random.Random(seed))))


@pytest.mark.parametrize("folder", ["odd_blobs", "v1", "resnet_mini"])
def test_changed_golden_files(saved: Saved, material: Path, folder: str) -> None:
    content = (material / "caffe-golden" / folder / "net.caffemodel").read_bytes()
    rng = random.Random(7)
    mutators = [flip_bit, change_bytes, stretch, delete, lie]
    outcomes = {try_to_read(saved(rng.choice(mutators)(content, rng))) for _ in range(100)}
    assert outcomes == {True, False}
