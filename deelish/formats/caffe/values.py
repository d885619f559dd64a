"""A layer's arguments between Caffe's messages and the plan's rows: one convention each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deelish.errors import CaffeError
from deelish.formats.caffe.fields import SHAPE, Field
from deelish.formats.caffe.parameters import PARAMETERS, TYPE_PARAMETERS
from deelish.plan.initialisation import OWN_FILLERS, filler_of
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS

# A row has one name for a window's side; Caffe has these too, for height and width.
_SIDES = {"kernel_size": "kernel", "stride": "stride", "pad": "pad"}
_WINDOWS = (*_SIDES, "dilation")
# How Caffe computes, and what it prints, changes no number.
_HARMLESS = frozenset(("engine", "force_nd_im2col", "stable_prod_grad", "debug_info"))
# Old names of arguments.
_OLD_NAMES = {("Concat", "concat_dim"): "axis", ("Slice", "slice_dim"): "axis"}
# Written even at their defaults: Caffe's own filler is 0, and OpenCV reads a bare LRN wrongly.
_ALWAYS = frozenset(("weight_filler", "local_size", "alpha", "beta", "k"))


def row_args(type: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a row, from the fields of a file.

    Raises:
        CaffeError: fields that exclude each other, or that deelish does not have; the caller names
            the layer.
    """
    args = _with_windows({key: value for key, value in found.items() if key not in _HARMLESS})
    for (kind, old), new in _OLD_NAMES.items():
        if kind == type and old in args:
            if new in args:
                raise CaffeError(f"has both {new} and {old}; keep one of the two")
            args[new] = args.pop(old)
    for key in args:
        if key not in KINDS[type].args:
            known = ", ".join(KINDS[type].args) or "none"
            raise CaffeError(f"has {key}, which deelish does not know there; it knows {known}")
    row = {key: _plain(_field(type, key), value) for key, value in args.items()}
    return {key: value for key, value in row.items() if value != KINDS[type].args[key]}


def _with_windows(found: dict[str, Any]) -> dict[str, Any]:
    """Kernel, stride, pad and dilation as one number, or as one number a side."""
    for key, stem in _SIDES.items():
        height, width = found.pop(f"{stem}_h", None), found.pop(f"{stem}_w", None)
        if height is None and width is None:
            continue
        if key in found:
            raise CaffeError(f"has both {key} and {stem}_h or {stem}_w; keep one of the two")
        if key != "pad" and None in (height, width):
            got, wanted = ("h", "w") if width is None else ("w", "h")
            raise CaffeError(f"has {stem}_{got} without {stem}_{wanted}; give both")
        found[key] = [height or 0, width or 0]
    for key in _WINDOWS:
        sides = found.get(key)
        if isinstance(sides, list):
            found[key] = sides[0] if len(set(sides)) == 1 else tuple(sides)
    return found


def _plain(field: Field | None, value: Any) -> Any:
    """A value as rows have it: a shape as its sides, a filler in its shortest form."""
    if isinstance(value, list):
        return tuple(_plain(field, item) for item in value)
    if not isinstance(value, Mapping):
        return value
    if field is not None and field.message is SHAPE:
        return tuple(value.get("dim", ()))
    kind = value.get("type", "constant")
    if kind == "constant":
        return value.get("value", 0.0)
    return kind if set(value) == {"type"} else dict(value)


def layer_values(layer: Layer) -> dict[str, Any]:
    """A row of a plan as the values of a LayerParameter, blobs left out.

    Raises:
        CaffeError: a type, an argument or a filler that Caffe does not have.
    """
    if not KINDS[layer.type].caffe:
        raise _not_in_caffe(layer, f"no layer type {layer.type}")
    values: dict[str, Any] = {
        "name": layer.name,
        "type": layer.type,
        "bottom": list(layer.bottoms),
        "top": list(layer.tops),
    }
    if layer.phase:
        values["include"] = [{"phase": layer.phase}]
    if layer.param:
        values["param"] = [dict(spec) for spec in layer.param]
    for key, value in layer.args.items():
        if value is None or (value == KINDS[layer.type].args[key] and key not in _ALWAYS):
            continue
        name = parameter_of(layer.type, key)
        if name is None:
            raise _not_in_caffe(layer, f"no field for {key}")
        values.setdefault(name, {}).update(
            _caffe_values(layer, PARAMETERS[name].message.fields, key, value)
        )
    return values


def _not_in_caffe(layer: Layer, missing: str) -> CaffeError:
    return CaffeError(
        f"{layer.label}: Caffe has {missing}, so it cannot be written as a Caffe file; save it in"
        " another format"
    )


def parameter_of(type: str, key: str) -> str | None:
    """The name of the message that holds an argument of a layer type; None where Caffe has none."""
    for name in TYPE_PARAMETERS.get(type, ()):
        if key in PARAMETERS[name].message.fields:
            return name
    return None


def _field(type: str, key: str) -> Field | None:
    name = parameter_of(type, key)
    return None if name is None else PARAMETERS[name].message.fields[key]


def _caffe_values(
    layer: Layer, fields: Mapping[str, Field], key: str, value: Any
) -> dict[str, Any]:
    """One argument of a row as the fields of a message."""
    field = fields[key]
    if key in _WINDOWS:
        sides = list(value) if isinstance(value, tuple) else [value]
        sides = sides[:1] if len(set(sides)) == 1 else sides
        if len(sides) == 2 and f"{_SIDES.get(key)}_h" in fields:
            return {f"{_SIDES[key]}_h": sides[0], f"{_SIDES[key]}_w": sides[1]}
        return {key: sides if field.repeated else sides[0]}
    if field.message is SHAPE:
        shapes = [{"dim": list(shape)} for shape in (value if field.repeated else [value])]
        return {key: shapes if field.repeated else shapes[0]}
    if field.message is not None:
        fillers = [filler_of(filler) for filler in (value if field.repeated else [value])]
        for kind in OWN_FILLERS.intersection(filler["type"] for filler in fillers):
            raise _not_in_caffe(layer, f"no filler {kind}")
        return {key: fillers if field.repeated else fillers[0]}
    return {key: list(value) if field.repeated else value}
