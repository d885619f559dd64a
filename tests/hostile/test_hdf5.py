"""Hostile HDF5 in the layouts of deelish, Caffe and Chainer: refused, nothing else is opened."""

import functools
import sys
import zlib

import h5py
import numpy as np
import pytest
from helpers import small
from hostile.watching import nobody_reads, refusal

from deelish import CaffeNet, Deel, Network

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux")
SHAPE = (4, 16)
W = np.ones(SHAPE, np.float32)
PROTOTXT = """input: 'data' input_shape { dim: 1 dim: 1 dim: 4 dim: 4 }
layer { name: 'score' type: 'InnerProduct' bottom: 'data' top: 'score'
  inner_product_param { num_output: 4 } }
"""


def secret_of(file):
    return file.filename.replace("hostile.h5", "secret")


def external_link(file, place):
    file[place] = h5py.ExternalLink(secret_of(file) + ".h5", "W")


def external_group(file, place):
    group = place.rpartition("/")[0]
    if group in file:
        del file[group]
    file[group] = h5py.ExternalLink(secret_of(file) + ".h5", "/")


def soft_link(file, place):
    file["elsewhere"] = W
    file[place] = h5py.SoftLink("/elsewhere")


def soft_link_to_nothing(file, place):
    file[place] = h5py.SoftLink("/nowhere")


def soft_group(file, place):
    group, _, name = place.rpartition("/")
    file[f"elsewhere/{name}"] = W
    if group in file:
        del file[group]
    file[group] = h5py.SoftLink("/elsewhere")


def external_storage(file, place):
    file.create_dataset(place, SHAPE, "f4", external=[(secret_of(file), 0, W.nbytes)])


def external_storage_without_end(file, place):
    file.create_dataset(place, SHAPE, "f4", external=[(secret_of(file), 0, h5py.h5f.UNLIMITED)])


def virtual(file, place):
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(secret_of(file) + ".h5", "W", SHAPE)
    file.create_virtual_dataset(place, layout)


def virtual_of_itself(file, place):
    file["elsewhere"] = W
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(".", "elsewhere", SHAPE)
    file.create_virtual_dataset(place, layout)


def texts(file, place):
    file.create_dataset(place, SHAPE, h5py.string_dtype())


def lists(file, place):
    file.create_dataset(place, SHAPE, h5py.vlen_dtype(np.float32))


def references(file, place):
    file.create_dataset(place, SHAPE, h5py.ref_dtype)


def compound(file, place):
    file.create_dataset(place, SHAPE, np.dtype([("a", "f4")]))


def opaque(file, place):
    file.create_dataset(place, SHAPE, "V4")


def arrays(file, place):
    file.create_dataset(place, (4,), np.dtype(("f4", (16,))))


def contiguous_bomb(file, place):
    """Never allocated: a terabyte of zeros when it is read."""
    file.create_dataset(place, (2**19, 2**19), "f4")


def chunked_bomb(file, place):
    file.create_dataset(place, (2**19, 2**19), "f4", chunks=(1024, 1024))


def packed_bomb(file, place):
    file.create_dataset(place, data=np.zeros((8192, 8192), "f4"), compression=1)


@functools.cache
def packed_zeros(megabytes):
    return zlib.compress(bytes(megabytes << 20), 9)


def a_piece_that_unpacks_to_more(file, place):
    made = file.create_dataset(place, SHAPE, "f4", chunks=SHAPE, compression=9)
    made.id.write_direct_chunk((0, 0), packed_zeros(380))


def a_piece_of_just_the_right_size(file, place):
    """Packed, it takes as many bytes as the shape, and unpacks to a thousand times as many."""
    count = 10**5
    made = file.create_dataset(place, (count,), "f4", chunks=(count,), compression=9)
    data = packed_zeros(380)
    assert len(data) <= count * 4
    made.id.write_direct_chunk((0,), data.ljust(count * 4, b"\0"))


def lzf(file, place):
    file.create_dataset(place, data=W, compression="lzf")


def a_group(file, place):
    file.create_group(place)


def a_circle(file, place):
    group = file.require_group(place)
    group["again"] = group


def no_space(file, place):
    file[place] = h5py.Empty("f4")


CASES = [
    *(external_link, external_group, soft_link, soft_link_to_nothing, soft_group),
    *(external_storage, external_storage_without_end, virtual, virtual_of_itself),
    *(texts, lists, references, compound, opaque, arrays),
    *(contiguous_bomb, chunked_bomb, packed_bomb, a_piece_that_unpacks_to_more),
    *(a_piece_of_just_the_right_size, lzf, a_group, a_circle, no_space),
]


def deelish_file(folder):
    """A file, the place of its weights in it, and how it is opened."""
    path = small().save(folder / "hostile.h5")
    return path, "layers/score/weight", lambda: Network.load(path)


def caffe_file(folder):
    path, text = folder / "hostile.h5", folder / "net.prototxt"
    text.write_text(PROTOTXT)
    with h5py.File(path, "w") as file:
        file["data/score/1"] = np.ones(4, np.float32)
        file["data/score/0"] = W
    return path, "data/score/0", lambda: CaffeNet(path, text)


def chainer_file(folder):
    path = folder / "hostile.h5"
    with h5py.File(path, "w") as file:
        file["score/b"] = np.ones(4, np.float32)
        file["score/W"] = W
    return path, "score/W", lambda: small(modelpath=path)


LAYOUTS = {"deelish": deelish_file, "caffe": caffe_file, "chainer": chainer_file}


@pytest.mark.torture("F1")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_is_refused(tmp_path, layout, case):
    secrets = [tmp_path / "secret", tmp_path / "secret.h5"]
    secrets[0].write_bytes(W.tobytes())
    with h5py.File(secrets[1], "w") as file:
        file["W"] = W
    with Deel():
        path, place, opened = LAYOUTS[layout](tmp_path)
        with h5py.File(path, "a") as file:
            del file[place]
            case(file, place)
        with nobody_reads(secrets[0]), nobody_reads(secrets[1]):
            refusal(opened, path)
