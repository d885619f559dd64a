"""Files that say they are Chainer's: damaged, of something else, or made to do harm."""

import pickle
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pytest

from deelish import Deel, Layer, Network
from deelish.errors import DeelishError, FileError

W = np.random.default_rng(0).normal(size=(2, 27)).astype(np.float32)
B = np.ones(2, np.float32)


def fill(path):
    """A small network, filled by the file."""
    with Deel():
        rows = [Layer("fc", "InnerProduct", num_output=2)]
        return Network(rows, in_size=3, name="One", modelpath=path)


def assert_refused(path, match):
    with pytest.raises(FileError, match=f"{path.name}:? {match}") as caught:
        fill(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def member(array, header=None):
    """An array in NumPy's format, with another header if one is given."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {array.shape}, }}"
    text = (head if header is None else header).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def zipped(path, packing=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return path


def npz(path, **members):
    """A .npz of `fc` whose members may be replaced."""
    return zipped(path, **{"fc__W.npy": member(W), "fc__b.npy": member(B), **members})


def hdf5(path, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("fc/W", data=W, **options)
        file["fc/b"] = B
    return path


def test_the_files_from_which_the_others_are_made_are_good(tmp_path):
    assert not fill(npz(tmp_path / "x.npz")).untrained
    assert not fill(hdf5(tmp_path / "x.h5", compression=4)).untrained


def test_a_plain_zip(tmp_path):
    assert_refused(
        zipped(tmp_path / "x.npz", **{"notes.txt": b"hello"}),
        r"is a zip archive, but its 'notes.txt' is no array of NumPy; give a .npz that",
    )
    assert_refused(
        zipped(tmp_path / "y.npz", **{"fc__W.npy": b"hello"}), "is a zip archive, but its 'fc/W'"
    )


def test_an_empty_zip(tmp_path):
    assert_refused(
        zipped(tmp_path / "x.npz"), r".* layer 'fc' \(InnerProduct\): missing in the file"
    )


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x80\x04\x95pickle", b"PK\x03\x04"])
@pytest.mark.parametrize("file", ["x.npz", "x.h5"])
def test_a_foreign_file(tmp_path, file, content):
    (tmp_path / file).write_bytes(content)
    assert_refused(tmp_path / file, "is no whole")


@pytest.mark.parametrize("file", ["x.npz", "x.h5"])
@pytest.mark.parametrize("fraction", [0.2, 0.6, 0.99])
def test_a_truncated_file(tmp_path, file, fraction):
    path = npz(tmp_path / file) if file.endswith("npz") else hdf5(tmp_path / file)
    data = path.read_bytes()
    path.write_bytes(data[: int(fraction * len(data))])
    assert_refused(path, "is no whole")


def test_a_changed_number_is_noticed(tmp_path):
    path = npz(tmp_path / "x.npz")
    data = bytearray(path.read_bytes())
    data[data.index(W.tobytes()) + 5] ^= 1
    path.write_bytes(data)
    assert_refused(path, r"is no whole .npz of NumPy \(Bad CRC-32 for file 'fc/W.npy'\)")


class Harm:
    """Unpickled, it would raise another error."""

    def __reduce__(self):
        return (eval, ("1 / 0",))


@pytest.mark.parametrize("shape", ["(2,)", "()"])
def test_objects_are_never_unpickled(tmp_path, shape):
    header = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}"
    content = member(np.frombuffer(pickle.dumps(Harm()), np.uint8), header)
    what = "holds objects of Python" if shape == "(2,)" else "holds None or one whole number"
    assert_refused(npz(tmp_path / "x.npz", **{"fc__W.npy": content}), rf"'?fc/W'? {what}")


@pytest.mark.parametrize("kind", ["<i4", "|u1", "<c8", "<U3", "|S4", "|V8"])
def test_numbers_of_other_types(tmp_path, kind):
    np.savez(tmp_path / "x.npz", **{"fc/W": np.zeros((2, 27), kind), "fc/b": B})
    assert_refused(
        tmp_path / "x.npz",
        r"'fc/W' holds .* \(2, 27\), where weights are float16, float32 or float64",
    )


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, "S4", h5py.string_dtype(), [("a", "f4")]])
def test_numbers_of_other_types_in_hdf5(tmp_path, dtype):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("fc/W", (2, 27), dtype)
    assert_refused(
        tmp_path / "x.h5", r"'fc/W' holds .*, where weights are float16, float32 or float64"
    )


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 27), 'more': 1, }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 27), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 27), }",
        "__import__('os').abort()",
        "(" * 9000,
        "",
    ],
)
def test_a_header_that_numpy_does_not_write(tmp_path, header):
    content = {"fc__W.npy": member(W, header)}
    assert_refused(
        npz(tmp_path / "x.npz", **content), "is a zip archive, but its 'fc/W' is no array"
    )


@pytest.mark.parametrize("shape", ["(2, 28)", "(2, 26)", "(99999999, 99999999, 99999999)"])
def test_a_member_of_other_length_than_its_shape_says(tmp_path, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    content = {"fc__W.npy": member(W, header)}
    assert_refused(npz(tmp_path / "x.npz", **content), "'fc/W' has 216 bytes for float32")


def test_a_zip_that_would_unpack_to_far_more_than_its_size(tmp_path):
    zeros = bytes(90 << 20)
    path = zipped(tmp_path / "x.npz", zipfile.ZIP_DEFLATED, **{"fc__W.npy": zeros})
    assert path.stat().st_size < 1 << 20
    assert_refused(
        path, r"its [\d,]+ bytes would unpack to 94,371,840, more than 20 times as many and 64"
    )


def test_a_zip_that_understates_what_it_unpacks_to(tmp_path):
    size = len(member(W))
    path = zipped(tmp_path / "x.npz", zipfile.ZIP_DEFLATED, **{"fc__W.npy": member(W) + bytes(99)})
    stated = struct.pack("<L", size + 99)
    assert stated in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(stated, struct.pack("<L", size)))
    assert_refused(path, "is no whole .npz of NumPy")


def test_other_packing_locked_members_and_two_of_one_name(tmp_path):
    assert_refused(
        zipped(tmp_path / "x.npz", zipfile.ZIP_LZMA, **{"fc__W.npy": member(W)}),
        "is a zip archive, but its 'fc/W.npy' is no array",
    )
    path = npz(tmp_path / "y.npz")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert_refused(path, "is a zip archive, but its 'fc/W.npy' is no array")
    path = npz(tmp_path / "z.npz", **{"fc__V.npy": member(W)})
    path.write_bytes(path.read_bytes().replace(b"fc/V", b"fc/W"))
    assert_refused(path, "holds 'fc/W' twice; take another copy")


@pytest.mark.parametrize("link", [h5py.SoftLink("/fc/b"), h5py.ExternalLink("other.h5", "W")])
def test_hdf5_with_links_out(tmp_path, link):
    path = hdf5(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        del file["fc/W"]
        file["fc/W"] = link
    assert_refused(path, "'fc/W' is a link out of the file; such files are refused")


def test_hdf5_with_its_numbers_in_another_file(tmp_path):
    (tmp_path / "secret").write_bytes(W.tobytes())
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("fc/W", W.shape, "f4", external=[(tmp_path / "secret", 0, W.nbytes)])
    assert_refused(tmp_path / "x.h5", "'fc/W' does not hold its own numbers")


def test_hdf5_that_leads_in_a_circle(tmp_path):
    path = hdf5(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        file["fc/again"] = file["fc"]
    assert_refused(
        path, r"is no whole HDF5 file \(more than 16,384 objects, or names without end\)"
    )


def test_hdf5_that_would_unpack_to_far_more_than_its_size(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("fc/W", (9000, 9000), "f4", compression=4, fillvalue=0)
    assert_refused(
        tmp_path / "x.h5", r"its [\d,]+ bytes would unpack to 324,000,000, more than 20 times"
    )


@pytest.mark.parametrize("size", [0, 108, 50 << 20])
def test_a_piece_of_hdf5_that_unpacks_to_another_size(tmp_path, size):
    path = hdf5(tmp_path / "x.h5", compression=4, chunks=(2, 27))
    with h5py.File(path, "a") as file:
        file["fc/W"].id.write_direct_chunk((0, 0), zlib.compress(bytes(size)))
    assert_refused(path, r"'fc/W' holds more or fewer bytes than float32 \(2, 27\) takes")


def test_pieces_of_hdf5_that_are_absent_damaged_or_packed_otherwise(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("fc/W", W.shape, "f4", chunks=(1, 9))
    assert_refused(tmp_path / "x.h5", "'fc/W' holds more or fewer bytes")
    path = hdf5(tmp_path / "y.h5", compression=4, chunks=(2, 27))
    with h5py.File(path, "a") as file:
        file["fc/W"].id.write_direct_chunk((0, 0), b"no gzip")
    assert_refused(path, "is no whole HDF5 file .*incorrect header check")
    assert_refused(
        hdf5(tmp_path / "z.h5", compression="lzf"), "'fc/W' is packed in another way than by"
    )


def test_hdf5_of_others_is_still_named_as_such(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["model_weights/dense/kernel"] = W
    assert_refused(
        tmp_path / "x.h5", "is HDF5 but holds no 'deelish', so it is not a network of deelish"
    )


@pytest.mark.parametrize("file", ["x.npz", "x.h5"])
def test_any_changed_byte_is_refused_or_leaves_a_network(tmp_path, file):
    path = npz(tmp_path / file) if file.endswith("npz") else hdf5(tmp_path / file, compression=4)
    data, refusals = path.read_bytes(), []
    filled = np.flatnonzero(np.frombuffer(data, np.uint8))  # most of HDF5 is padding
    for place in np.random.default_rng(1).choice(filled, 80):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            fill(path)
        except DeelishError as error:
            refusals.append(str(error))
    assert len(refusals) > 5
    assert all(str(path) in refusal for refusal in refusals)
