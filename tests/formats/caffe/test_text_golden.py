"""Caffe's own nets: their text gives the same dicts as their binary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deelish.formats.caffe.codec import decode
from deelish.formats.caffe.fields import Message
from deelish.formats.caffe.opening import open_source
from deelish.formats.caffe.schema import LAYER, NET, V1_LAYER
from deelish.formats.caffe.text import read_text
from deelish.formats.caffe.wire import Source

# What Caffe adds to a layer when it writes it, and what only the text's dicts have.
ADDED = {"blobs", "phase", "loss_weight", "line"}


def whole(source: Source, spans: list[tuple[int, int, int]], table: Message) -> dict[str, Any]:
    """A message in one or several parts with its lazy messages, but no weights."""
    found: dict[str, Any] = {}
    for _, start, stop in spans:
        decode(source, start, stop, table, found)
    for name, value in found.items():
        field = table.fields[name]
        if field.lazy and not field.repeated and field.message is not None:
            found[name] = whole(source, value, field.message)
    return without_weights(found)


def without_weights(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_weights(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if name not in ("blobs", "line")
    }


def binary(path: Path) -> dict[str, Any]:
    source = open_source(path)
    net = decode(source, 0, len(source.data), NET)
    for key, table in (("layer", LAYER), ("layers", V1_LAYER)):
        if key in net:
            net[key] = [whole(source, [span], table) for span in net[key]]
    return net


def same_bottom(written: str, given: str) -> bool:
    """Whether a bottom in Caffe's file is this one, be it through a Split of Caffe's own."""
    return written == given or (written.startswith(f"{given}_") and "_split_" in written)


def differences(text: dict[str, Any], written: dict[str, Any]) -> set[str]:
    added = ADDED | ({"param"} if written["type"] == "BatchNorm" else set())
    fields = {
        key for key in {*text, *written} - added - {"bottom"} if text.get(key) != written.get(key)
    }
    bottoms = zip(written.get("bottom", []), text.get("bottom", []), strict=True)
    return fields | {given for found, given in bottoms if not same_bottom(found, given)}


def test_every_golden_net_is_the_net_of_its_binary(material: Path) -> None:
    for path in sorted(material.glob("caffe-golden/*/net.prototxt")):
        folder = path.parent
        given = iter(read_text(path).get("layer", []))
        # Its binary is made by hand, and has other layers.
        if folder.name == "odd_blobs":
            continue
        written = binary(folder / "net.caffemodel").get("layer", [])
        for layer in written:
            if layer["type"] == "Split" and layer["name"].endswith("_split"):
                continue
            # Inputs of the net become layers, and rules leave layers out.
            if layer["name"] == "input" and folder.name.startswith("legacy_input"):
                continue
            text = next(row for row in given if row["name"] == layer["name"])
            assert differences(text, layer) == set(), (folder.name, layer["name"])


def test_the_syntax_net_in_full(material: Path) -> None:
    folder = material / "caffe-golden" / "syntax"
    text, written = read_text(folder / "net.prototxt"), binary(folder / "net.caffemodel")
    assert [layer.pop("phase") for layer in written["layer"]] == ["TEST"] * 6
    assert [layer.pop("line") for layer in text["layer"]] == [3, 4, 8, 9, 10, 11]
    assert text == written
    assert text["name"] == 'single "quotes"'


@pytest.mark.parametrize("name", ["v0/net", "v0/net_v2", "v1/net", "v1/net_v2"])
def test_the_old_nets_and_their_upgrades_in_full(material: Path, name: str) -> None:
    path = material / "caffe-golden" / name
    text, written = (
        read_text(path.with_suffix(".prototxt")),
        binary(path.with_suffix(".caffemodel")),
    )
    (layers,) = text.keys() & {"layer", "layers"}
    text[layers] = [without_weights(layer) for layer in text[layers]]
    assert text == written
