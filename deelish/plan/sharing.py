"""Weights that several layers share by the names in `param`, and their learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deelish.errors import PlanError
from deelish.plan.kind import Blobs
from deelish.plan.layer import Layer

# The name of a layer and of one of its blobs.
BlobKey = tuple[str, str]


class Sharing:
    """The arrays of one name, by layer and blob.

    Attributes:
        owners: for each array that is another layer's, layer and name of that one.
        specs: Caffe's `param` of each array that has one.
    """

    def __init__(self) -> None:
        self.owners: dict[BlobKey, BlobKey] = {}
        self.specs: dict[BlobKey, Mapping[str, Any]] = {}
        self._named: dict[str, BlobKey] = {}

    def enter(self, layer: Layer, blobs: Blobs, known: Mapping[str, Blobs]) -> None:
        """Take a layer's arrays in.

        Raises:
            PlanError: more `param` than arrays, or one name for arrays that do not fit.
        """
        if len(layer.param) > len(blobs):
            raise PlanError(
                f"{layer.label}: has {len(layer.param)} param for {len(blobs)} arrays of weights;"
                " give one for each"
            )
        for blob, spec in zip(blobs, layer.param, strict=False):
            key = (layer.name, blob)
            self.specs[key] = spec
            name = spec.get("name")
            owner = self._named.setdefault(name, key) if name else key
            if owner == key:
                continue
            if owner[0] == layer.name:
                raise PlanError(
                    f"{layer.label}: its {owner[1]} and its {blob} have the name {name!r}; give"
                    " each a name of its own"
                )
            own, other = blobs[blob], known[owner[0]][owner[1]]
            fits = own.size == other.size if _permissive(spec) else own.shape == other.shape
            if not fits:
                raise PlanError(
                    f"{layer.label}: shares {name!r} with layer {owner[0]!r}, but its {blob} is"
                    f" {own.shape} and that is {other.shape}; give it another name"
                )
            self.owners[key] = owner

    def multipliers(self, layer: str, blob: str) -> tuple[float, float]:
        """Caffe's lr_mult and decay_mult of an array: 1 and 1 where the plan has none."""
        spec = self.specs.get(self.owners.get((layer, blob), (layer, blob)), {})
        return float(spec.get("lr_mult", 1)), float(spec.get("decay_mult", 1))


def _permissive(spec: Mapping[str, Any]) -> bool:
    return spec.get("share_mode") == "PERMISSIVE"
