"""Random sound .caffemodels: every weight has the bits that the protobuf package reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from fuzz.forms import DATA, blob, doubles
from torture import scaled

from deelish.formats.caffe.read import read_net, weights_of
from deelish.formats.caffe.wire import block, tag, varint

MODELS = scaled(500)
# Name, number, type and inner message of the fields that hold weights or lead to them.
MESSAGES = {
    "Shape": [("dim", 1, "int64 packed", None)],
    "Blob": [
        *((side, number, "int32", None) for number, side in enumerate(("n", "c", "h", "w"), 1)),
        ("shape", 7, "message", "Shape"),
        ("data", 5, "float packed", None),
        ("double_data", 8, "double packed", None),
    ],
    "V0": [("name", 1, "string", None), ("blobs", 50, "messages", "Blob")],
    "V1": [
        ("layer", 1, "message", "V0"),
        ("name", 4, "string", None),
        ("blobs", 6, "messages", "Blob"),
    ],
    "Layer": [("name", 1, "string", None), ("blobs", 7, "messages", "Blob")],
    "Net": [("layers", 2, "messages", "V1"), ("layer", 100, "messages", "Layer")],
}


@pytest.fixture(scope="module")
def message() -> Any:
    """The class of a NetParameter, made by the protobuf package."""
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="net.proto", package="deelish", syntax="proto2")
    for name, fields in MESSAGES.items():
        made = file.message_type.add(name=name)
        for key, number, kind, inner in fields:
            word = kind.split()[0].removesuffix("s")
            field = made.field.add(name=key, number=number)
            field.type = getattr(field_type, f"TYPE_{word.upper()}")
            many = kind.endswith(("packed", "messages"))
            field.label = field_type.LABEL_REPEATED if many else field_type.LABEL_OPTIONAL
            if kind.endswith("packed"):
                field.options.packed = True
            if inner:
                field.type_name = f".deelish.{inner}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("deelish.Net"))


def numbers(rng: Random, count: int, dtype: str = "<f4") -> np.ndarray:
    """Any bits, but one kind of NaN: Python's floats do not keep the others."""
    found = np.frombuffer(rng.randbytes(np.dtype(dtype).itemsize * count), dtype)
    return np.where(np.isnan(found), found.dtype.type(np.nan), found)


def random_blob(rng: Random) -> bytes:
    shape = [rng.choice((1, 1, 2, 3, 5)) for _ in range(rng.randrange(6))]
    array = numbers(rng, int(np.prod(shape, dtype=int))).reshape(shape)
    content = blob(array, rng.choice(list(DATA)), rng.random() < 0.4)
    if rng.random() < 0.2:
        # Caffe reads the doubles where a file has both.
        content = blob(array, "packed") + doubles(numbers(rng, array.size, "<f8"))
    return content + block(rng.choice((6, 9)), b"") + unknown(rng)


def unknown(rng: Random) -> bytes:
    """Fields that no table has."""
    some = (b"", block(900, rng.randbytes(9)), tag(901, 0) + varint(rng.getrandbits(64)))
    return rng.choice(some)


def random_layer(rng: Random, old: int, number: int) -> bytes:
    """A layer of today, of V1 or of V0, its fields in any order."""
    blobs = [block({0: 7, 1: 6, 2: 50}[old], random_blob(rng)) for _ in range(rng.randrange(4))]
    name = {0: 1, 1: 4, 2: 1}[old]
    kind = {0: block(2, b"Unheard"), 1: b"\x28\x0e", 2: block(2, b"conv")}[old]
    fields = [block(name, f"layer {number}".encode()), kind, *blobs, unknown(rng)]
    first = rng.randrange(3)
    fields = fields[first:] + fields[:first]
    content = b"".join(fields)
    return block(2, block(1, content)) if old == 2 else block(2 if old else 100, content)


def random_model(rng: Random) -> bytes:
    old = rng.choice((0, 0, 1, 2))
    layers = [random_layer(rng, old, number) for number in range(rng.randrange(1, 6))]
    return unknown(rng) + b"".join(layers) + block(1, b"net")


def by_protobuf(content: bytes, message: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    net = message.FromString(content)
    for layer in (*net.layer, *net.layers):
        inner = layer.layer if layer in net.layers and layer.HasField("layer") else layer
        if inner.blobs:
            yield inner.name, [array_of(each) for each in inner.blobs]


def array_of(blob: Any) -> np.ndarray:
    is_old = any(blob.HasField(side) for side in "nchw")
    shape = [blob.n, blob.c, blob.h, blob.w] if is_old else list(blob.shape.dim)
    with np.errstate(over="ignore"):
        values = np.array(blob.double_data or blob.data, "f8").astype("<f4")
    return values.reshape(shape)


@pytest.mark.torture("A3")
def test_weights_have_the_bits_that_protobuf_reads(tmp_path: Path, message: Any) -> None:
    rng, compared = Random(2016), 0
    path = tmp_path / "net.caffemodel"
    for _ in range(MODELS):
        content = random_model(rng)
        path.write_bytes(content)
        expected = dict(by_protobuf(content, message))
        found = weights_of(read_net(path))
        assert found.keys() == expected.keys()
        for name, blobs in expected.items():
            assert [blob.shape for blob in found[name]] == [blob.shape for blob in blobs]
            assert [blob.tobytes() for blob in found[name]] == [blob.tobytes() for blob in blobs]
            compared += len(blobs)
    assert compared > MODELS
