"""Our .safetensors are those of the library, to the byte, and no second copy in memory."""

import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from deelish.errors import FileError
from deelish.formats.native import tensor_file

rng = np.random.default_rng(0)
TYPES = [
    *("uint64", "int64", "float64", "complex64", "float32", "uint32", "int32"),
    *("float16", "uint16", "int16", "int8", "uint8", "bool"),
]
NOTES = {"deelish": 'größe 日本 \x00 "quoted" \\ /'}
# Names, and so the place of a tensor among those of its type, out of order.
TENSORS = {
    f"{name}/{kind}": rng.integers(0, 2, shape).astype(kind)
    for name, shape in (("ü", (3, 5)), ("weight", (2, 1, 3)), ("empty", (4, 0)), ("scalar", ()))
    for kind in reversed(TYPES)
}


def content(tensors):
    key, text = next(iter(NOTES.items()))
    return b"".join(tensor_file.to_pieces(tensors, key, text))


def parts(file):
    """The header as Python reads it, its length, and the bytes after it."""
    length = int.from_bytes(file[:8], "little")
    return json.loads(file[8 : 8 + length]), length, file[8 + length :]


def test_the_bytes_are_those_of_the_library():
    header, length, data = parts(content(TENSORS))
    theirs, their_length, their_data = parts(save(TENSORS, metadata=header["__metadata__"]))
    assert (header, length, data) == (theirs, their_length, their_data)
    assert list(header)[1:] == [name for name in theirs if name != "__metadata__"]


def test_the_library_reads_each_type_and_shape():
    read = load(content(TENSORS))
    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert np.array_equal(read[name], tensor)


@pytest.mark.parametrize(
    "other",
    [lambda x: x.T.copy().T, lambda x: x.astype(">f4"), lambda x: np.repeat(x, 2, 1)[:, ::2]],
)
def test_order_and_byte_order_in_memory_do_not_matter(other):
    tensor = rng.random((4, 6), np.float32)
    assert content({"x": other(tensor)}) == content({"x": tensor})


def test_the_arrays_are_not_copied():
    tensors = {name: rng.random((64, 64), np.float32) for name in "ab"}
    _, *pieces = tensor_file.to_pieces(tensors, "key", "text")
    for piece, tensor in zip(pieces, tensors.values(), strict=True):
        assert np.shares_memory(np.frombuffer(piece, np.float32), tensor)


def test_a_type_that_the_format_lacks_is_named():
    with pytest.raises(FileError, match=r"array 'phase': complex128 has no place in a .safetens"):
        content({"phase": np.zeros(2, complex)})
