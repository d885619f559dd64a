"""Hostile .safetensors and JSON: deep, large, lying, and headers of other types."""

import json
import struct
import sys
import zlib

import h5py
import numpy as np
import pytest
from helpers import small
from hostile.watching import refusal
from safetensors.numpy import save
from small_modules import seeded

from deelish import Deel, Network, Student
from deelish.formats.saved_module import KEY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
DEEP = {"lists": "[" * 100_000, "objects": '{"a":' * 100_000, "closed": "[" * 5000 + "]" * 5000}


def network_of(path):
    return lambda: Network.load(path)


def weights_of(path):
    return lambda: small(modelpath=path)


def student_of(path):
    return lambda: Student.load(path, module=seeded())


OPENERS = {"network": network_of, "weights": weights_of, "student": student_of}


@pytest.fixture(autouse=True)
def session():
    with Deel():
        yield


def raw(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def of(opener):
    return KEY if opener == "student" else "deelish"


@pytest.mark.torture("F1")
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("deep", DEEP)
def test_deep_json_in_the_metadata(tmp_path, opener, deep):
    path = tmp_path / "net.safetensors"
    path.write_bytes(save({"w": np.zeros(3, np.float32)}, metadata={of(opener): DEEP[deep]}))
    assert "is damaged" in refusal(OPENERS[opener](path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize("key", ["format", "network", "module"])
@pytest.mark.parametrize("opener", OPENERS)
def test_a_description_that_is_deep_within(tmp_path, opener, key):
    """Deep enough to parse and too deep to write again, on some versions of Python."""
    path = tmp_path / "net.safetensors"
    for depth in (300, 900, 2000):
        text = f'{{"format": 1, "checksum": 0, "{key}": {"[" * depth}{"]" * depth}}}'
        path.write_bytes(save({}, metadata={of(opener): text}))
        refusal(OPENERS[opener](path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("deep", DEEP)
def test_a_deep_header(tmp_path, opener, deep):
    path = tmp_path / "net.safetensors"
    path.write_bytes(raw(DEEP[deep].encode()))
    assert "is no whole safetensors file" in refusal(OPENERS[opener](path), path)


@pytest.mark.torture("F1")
@pytest.mark.parametrize("deep", DEEP)
def test_deep_json_in_hdf5(tmp_path, deep):
    path = tmp_path / "net.hdf5"
    with h5py.File(path, "w") as file:
        file["deelish"] = np.frombuffer(DEEP[deep].encode(), np.uint8)
    assert "is damaged" in refusal(network_of(path), path)


def tensor(**facts):
    return {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **facts}


HEADERS = {
    "a length of 2^63": struct.pack("<Q", 2**63) + b"{}",
    "a length of 1 GB": struct.pack("<Q", 2**30) + b"{}",
    "11 MB of spaces": raw(b"{}" + b" " * (11 << 20)),
    "a million tensors": raw(
        b"{" + b",".join(b'"%x":{}' % number for number in range(10**6)) + b"}"
    ),
    "a shape of 2^64": raw({"w": tensor(shape=[2**32, 2**32])}, bytes(4)),
    "a shape below zero": raw({"w": tensor(shape=[-1])}, bytes(4)),
    "offsets beyond the file": raw({"w": tensor(data_offsets=[0, 2**40])}, bytes(4)),
    "offsets that overlap": raw({"w": tensor(), "v": tensor()}, bytes(4)),
    "bytes that are no tensor's": raw({"w": tensor()}, bytes(99)),
    "another type": raw({"w": tensor(dtype="O")}, bytes(4)),
    "a list": raw([]),
    "no JSON": raw(b"{"),
}


@pytest.mark.torture("F1")
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies(tmp_path, opener, name):
    path = tmp_path / "net.safetensors"
    path.write_bytes(HEADERS[name])
    assert "is no whole safetensors file" in refusal(OPENERS[opener](path), path)


def changed(path, change):
    """The text of a saved network with another description, whose checksum fits."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        data = json.loads(file.metadata()["deelish"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    data.pop("sealed")
    change(data["network"])
    data["checksum"] = zlib.crc32(json.dumps(data["network"]).encode())
    path.write_bytes(save(arrays, metadata={"deelish": json.dumps(data)}))


def outputs(number):
    def change(network):
        for row in network["plan"]["layers"]:
            if "num_output" in row.get("args", row):
                row.get("args", row)["num_output"] = number

    return change


@pytest.mark.torture("F1")
@pytest.mark.parametrize(
    "change",
    [
        outputs(10**12),
        outputs(-1),
        outputs("x"),
        lambda network: network.update(checksums=[]),
        lambda network: network.update(checksums={"score": 3}),
        lambda network: network.update(checksums={}),
        lambda network: network.update(plan=[]),
        lambda network: network["plan"].update(layers=[{}]),
        lambda network: network["plan"].update(inputs={"data": [1, 1, 10**9, 10**9]}),
        lambda network: network.update(labels=7),
        lambda network: network.update(untrained=None),
        lambda network: network.update(preprocessing={"size": 10**9}),
    ],
)
def test_a_description_of_something_else(tmp_path, change):
    path = small().save(tmp_path / "net.safetensors")
    changed(path, change)
    refusal(network_of(path), path)


@pytest.mark.torture("F1")
def test_a_description_without_end(tmp_path):
    path = tmp_path / "net.safetensors"
    for text in ("[" + "[]," * 3_000_000 + "[]]", '"' + "𝄞" * 5_000_000 + '"'):
        path.write_bytes(save({}, metadata={"deelish": text}))
        refusal(network_of(path), path)
