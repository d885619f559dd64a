"""Pickles in every wrapping and under every file extension: none is unpickled, all are refused."""

import gzip
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hostile.watching import refusal
from torture import scaled

from deelish import CaffeNet, Deel, Layer, Network, Student, Teacher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
EXTENSIONS = [".hdf5", ".h5", ".safetensors", ".caffemodel", ".npz", ".onnx"]


class Calls:
    """Unpickled, it calls a function."""

    def __init__(self, function, *arguments):
        self._call = (function, arguments)

    def __reduce__(self):
        return self._call


def payloads(sentinel):
    """Objects that write the sentinel when they are unpickled."""
    path = str(sentinel)
    return {
        "os.system": Calls(os.system, f"touch {path}"),
        "eval": Calls(eval, f"open({path!r}, 'w')"),
        "exec": Calls(exec, f"open({path!r}, 'w')"),
        "subprocess": Calls(subprocess.call, ["touch", path]),
        "open": Calls(open, path, "w"),
        "nested": {"state_dict": [Calls(getattr, Calls(Path, path), "touch"), Calls(eval, "1")]},
    }


def torch_zip(data):
    """As torch.save writes since 1.6."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def torch_tar(data):
    """As the oldest torch.save wrote, which weights_only did not guard (CVE-2025-32434)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def numpy_zip(data):
    """An array of objects."""
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    member = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + data
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("score/W.npy", member)
    return file.getvalue()


WRAPPINGS = {
    "plain": bytes,
    "torch zip": torch_zip,
    "torch tar": torch_tar,
    "numpy zip": numpy_zip,
    "gzip": gzip.compress,
}
PROTOCOLS = {"plain": 0, "gzip": 2, "torch tar": 2}


def openers(path):
    """All that opens a file of this name."""
    rows = [Layer("score", "InnerProduct", num_output=2)]
    ways = [lambda: Network.load(path), lambda: Network(rows, in_size=3, modelpath=path)]
    if path.suffix == ".safetensors":
        ways.append(lambda: Student.load(path))
    if path.suffix == ".onnx":
        ways = [lambda: Teacher(path)]
    if path.suffix in (".caffemodel", ".h5"):
        ways.append(lambda: CaffeNet(path))
    return ways


@pytest.mark.torture("F1")
@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_no_pickle_runs(tmp_path, extension, wrapping):
    sentinel = tmp_path / "sentinel"
    all_of_them = list(payloads(sentinel).items())
    # Another one in each test, where not all are tried.
    first = EXTENSIONS.index(extension) + list(WRAPPINGS).index(wrapping)
    tried = (all_of_them * 3)[first:][: scaled(len(all_of_them))]
    for name, payload in tried:
        data = WRAPPINGS[wrapping](pickle.dumps(payload, PROTOCOLS.get(wrapping, 4)))
        path = tmp_path / f"{name.replace('.', '')}{extension}"
        path.write_bytes(data)
        with Deel():
            for opened in openers(path):
                refusal(opened, path)
        assert not sentinel.exists()


def test_the_payloads_do_write_where_they_are_unpickled(tmp_path):
    """Else the test above could not fail."""
    for name, payload in payloads(tmp_path / "sentinel").items():
        if name != "nested":
            data = pickle.dumps(payload)
            subprocess.run(
                [sys.executable, "-c", "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"],
                input=data,
                check=True,
            )
            assert (tmp_path / "sentinel").exists()
            (tmp_path / "sentinel").unlink()
