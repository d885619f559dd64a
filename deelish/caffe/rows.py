"""A Caffe net in the plan's vocabulary, and a plan's row in Caffe's.

What deelish cannot do is refused by name; what changes no answer (engine, loss) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deelish.caffe.parameters import PARAMETERS
from deelish.caffe.read import CaffeLayer, CaffeNet, Inputs
from deelish.errors import CaffeError
from deelish.plan.fill import FILLERS, filler_of
from deelish.plan.kinds import KINDS, WORDS
from deelish.plan.layer import PHASES, Layer
from deelish.plan.shapes import pair

# Layers that feed, score or swallow: none of them is needed to answer.
_FEEDS = ("Input", "Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData")
_NOT_NEEDED = frozenset((*_FEEDS, "HDF5Output", "Accuracy", "Silence"))
_HARMLESS = frozenset(("engine", "force_nd_im2col", "stable_prod_grad"))
# Arguments with one value that deelish can do: Caffe's default.
_FIXED: dict[tuple[str, str], Any] = {
    ("Convolution", "axis"): 1,
    ("LRN", "norm_region"): "ACROSS_CHANNELS",
    ("Scale", "axis"): 1,
    ("Scale", "num_axes"): 1,
    ("Flatten", "axis"): 1,
    ("Flatten", "end_axis"): -1,
}
_SIDES = {"kernel_size": "kernel", "stride": "stride", "pad": "pad"}
# Written even at their defaults: Caffe's own filler is 0, and OpenCV reads a bare LRN wrongly.
_ALWAYS = frozenset(("weight_filler", "local_size", "alpha", "beta", "k"))


def rows_of(
    net: CaffeNet, inputs: Mapping[str, Sequence[int]] | None = None
) -> tuple[list[Layer], Inputs]:
    """The rows that a net answers with in the TEST phase, and its inputs for a batch of one.

    Args:
        net: what `read_net` gave.
        inputs: shapes of blobs that the file does not give, such as the top of a Data layer.

    Raises:
        CaffeError: a type, an argument or a blob that deelish does not know; it names the layer.
    """
    shapes = dict(net.inputs) | {name: tuple(shape) for name, shape in (inputs or {}).items()}
    known = {name for name, shape in shapes.items() if shape}
    same: dict[str, str] = {}
    rows: list[Layer] = []
    for layer in net.layers:
        if layer.type in _NOT_NEEDED or layer.type.endswith("Loss") or not layer.runs_in("TEST"):
            continue
        if layer.type not in KINDS and layer.type != "Split":
            read = ", ".join(f"{row.name} ({row.type})" for row in rows) or "none"
            raise _error(net, layer, f"deelish does not know the type; layers read so far: {read}")
        bottoms = tuple(same.get(name, name) for name in layer.bottoms)
        _check_wiring(net, layer, [name for name in bottoms if name not in known])
        if layer.type == "Split":
            same |= dict.fromkeys(layer.tops, bottoms[0])
            continue
        tops = tuple(same.get(name, name) for name in layer.tops)
        known.update(tops)
        rows.append(
            Layer(layer.name, layer.type, bottoms, tops, _phase(layer), **_args(net, layer))
        )
    read_names = {name for row in rows for name in row.bottoms}
    kept = {name: (1, *shape[1:]) for name, shape in shapes.items() if name in read_names}
    return rows, kept


def _error(net: CaffeNet, layer: CaffeLayer, what: str) -> CaffeError:
    return CaffeError(f"{net.path}: {layer.label}: {what}")


def _check_wiring(net: CaffeNet, layer: CaffeLayer, unknown: list[str]) -> None:
    if unknown:
        raise _error(
            net,
            layer,
            f"reads blob {unknown[0]!r}, which is neither an input of known shape nor made by a"
            " layer before it; give its shape, or use a deploy net",
        )
    if not layer.bottoms:
        raise _error(net, layer, "reads no blob; name its bottom")
    if layer.type == "Split":
        return
    most = KINDS[layer.type].most_bottoms
    if len(layer.bottoms) > most or len(layer.tops) != 1:
        raise _error(
            net,
            layer,
            f"bottoms {', '.join(layer.bottoms)} and tops {', '.join(layer.tops) or 'none'};"
            f" deelish can do at most {most} of the first and one of the second; split the layer",
        )


def _phase(layer: CaffeLayer) -> str | None:
    """None for a layer of both phases; `rows_of` has left out those without TEST."""
    return None if all(layer.runs_in(phase) for phase in PHASES) else "TEST"


def _args(net: CaffeNet, layer: CaffeLayer) -> dict[str, Any]:
    """The arguments in deelish's form, defaults left out."""
    found = _windows(net, layer)
    if layer.type == "Concat" and "concat_dim" in found:
        if "axis" in found:
            raise _error(net, layer, "has both axis and concat_dim; keep one of the two")
        found["axis"] = found.pop("concat_dim")
    known = KINDS[layer.type].args
    kept: dict[str, Any] = {}
    for key, value in found.items():
        if key in _HARMLESS or value == _FIXED.get((layer.type, key)):
            continue
        _check_value(net, layer, key, value)
        if key.endswith("filler"):
            value = _filler(value)
        elif isinstance(value, list):
            value = tuple(value)
        if value is not None and value != known[key]:
            kept[key] = value
    return kept


def _check_value(net: CaffeNet, layer: CaffeLayer, key: str, value: Any) -> None:
    wanted: str | None = None
    words = WORDS.get((layer.type, key))
    if (layer.type, key) in _FIXED:
        wanted = str(_FIXED[layer.type, key])
    elif key not in KINDS[layer.type].args:
        wanted = "nothing"
    elif words and value not in words:
        wanted = " or ".join(words)
    elif key == "axis" and value < 0:
        wanted = "an axis counted from the front"
    if wanted is not None:
        raise _error(net, layer, f"{key} is {value!r}; deelish can do {wanted} there")


def _windows(net: CaffeNet, layer: CaffeLayer) -> dict[str, Any]:
    """The arguments with kernel, stride, pad and dilation as one number or as (height, width)."""
    found = dict(layer.args)
    for key, stem in _SIDES.items():
        height, width = found.pop(f"{stem}_h", None), found.pop(f"{stem}_w", None)
        if height is None and width is None:
            continue
        if key in found:
            raise _error(net, layer, f"has both {key} and {stem}_h or {stem}_w; keep one")
        if key == "pad":
            height, width = height or 0, width or 0
        if height is None or width is None:
            raise _error(net, layer, f"has only one of {stem}_h and {stem}_w; give both")
        found[key] = [height, width]
    for key in (*_SIDES, "dilation"):
        if key in found:
            found[key] = _sides(net, layer, key, found[key])
    return found


def _sides(net: CaffeNet, layer: CaffeLayer, key: str, value: Any) -> int | tuple[int, int]:
    numbers = value if isinstance(value, list) else [value]
    if len(numbers) not in (1, 2):
        raise _error(net, layer, f"{key} is {numbers}; deelish can do two axes, height and width")
    height, width = pair(numbers)
    return height if height == width else (height, width)


def _filler(found: Mapping[str, Any]) -> Any:
    """A filler in its shortest form; None for one that deelish lacks: the file has the weights."""
    kind = found.get("type", "constant")
    if kind == "constant":
        return found.get("value", 0.0)
    if kind not in FILLERS:
        return None
    return kind if set(found) == {"type"} else dict(found)


def layer_values(layer: Layer) -> dict[str, Any]:
    """A row of a plan as the values of a LayerParameter, blobs left out."""
    values: dict[str, Any] = {
        "name": layer.name,
        "type": layer.type,
        "bottom": list(layer.bottoms),
        "top": list(layer.tops),
    }
    if layer.phase:
        values["include"] = [{"phase": layer.phase}]
    args = _caffe_args(layer)
    return values | ({PARAMETERS[layer.type].name: args} if args else {})


def _caffe_args(layer: Layer) -> dict[str, Any]:
    fields = PARAMETERS[layer.type].message.fields
    args: dict[str, Any] = {}
    for key, value in layer.args.items():
        if value is None or (value == KINDS[layer.type].args[key] and key not in _ALWAYS):
            continue
        if key.endswith("filler"):
            args[key] = filler_of(value)
        elif key in _SIDES and pair(value)[0] != pair(value)[1]:
            args |= zip((f"{_SIDES[key]}_h", f"{_SIDES[key]}_w"), pair(value), strict=True)
        elif key in (*_SIDES, "dilation"):
            height, width = pair(value)
            sides = [height] if height == width else [height, width]
            args[key] = sides if fields[key].repeated else height
        else:
            args[key] = value
    return args
