"""The layers of a net of any format, under today's names and fields, as Caffe upgrades them.

Source: UpgradeV1LayerParameter of BVLC Caffe; the oldest format is in `deelish.formats.caffe.v0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deelish.formats.caffe.codec import Found, Span, decode
from deelish.formats.caffe.fields import Message
from deelish.formats.caffe.schema import LAYER, LINE, V1_LAYER, V1_TYPES
from deelish.formats.caffe.v0 import upgrade_v0
from deelish.formats.caffe.wire import Source

# The four lists of V1 layers that are fields of `param` today.
_SPECS = {
    "param": "name",
    "blob_share_mode": "share_mode",
    "blobs_lr": "lr_mult",
    "weight_decay": "decay_mult",
}


def layers_today(source: Source, net: dict[str, Any]) -> list[Found]:
    """The layers of a decoded net as values of `schema.LAYER`.

    Raises:
        CaffeError: no layer, mixed formats, or a layer that Caffe's own upgrade does not take.
    """
    old, new = net.get("layers"), net.get("layer")
    if old and new:
        raise source.error(
            source.first, "it mixes `layer` and `layers`", "save it again with one Caffe"
        )
    if new:
        return _all_found(source, new, LAYER)
    if not old:
        raise source.error(source.first, "it holds no layer", "give the file of a network")
    layers = _all_found(source, old, V1_LAYER)
    if any("layer" in values for _, values in layers):
        layers = upgrade_v0(source, layers, net.get("input", ()))
    for _, values in layers:
        _upgrade_v1(values)
    return layers


def _all_found(
    source: Source, entries: Sequence[Span | dict[str, Any]], message: Message
) -> list[Found]:
    layers: list[Found] = []
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict):
            layers.append((entry.get(LINE, source.first), entry))
            continue
        source.where = f"layer number {number}"
        _, start, stop = entry
        layers.append((start, decode(source, start, stop, message)))
    source.where = ""
    return layers


def _upgrade_v1(values: dict[str, Any]) -> None:
    """Today's type and `param` in place of the old ones; all other fields kept their names."""
    if "type" in values:
        values["type"] = V1_TYPES.get(values["type"], values["type"])
    columns = {today: values.pop(old, ()) for old, today in _SPECS.items()}
    specs: list[dict[str, Any]] = [{} for _ in range(max(map(len, columns.values())))]
    for name, column in columns.items():
        for spec, value in zip(specs, column, strict=False):
            spec[name] = value
    values["param"] = specs
