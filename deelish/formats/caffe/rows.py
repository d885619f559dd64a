"""A Caffe net in the plan's vocabulary: the rows of its TEST phase, and its inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from deelish.errors import CaffeError, PlanError
from deelish.formats.caffe.codec import plain
from deelish.formats.caffe.read import CaffeLayer, Inputs, ParsedNet
from deelish.formats.caffe.values import row_args
from deelish.plan.layer import Layer
from deelish.plan.layers import KINDS
from deelish.plan.other_names import suggested_kind

# Layers that feed the net from outside: their tops are its inputs.
FEED_TYPES = frozenset(("Input", "Data", "ImageData", "HDF5Data", "MemoryData", "WindowData"))
# Layers that only write files.
_SINKS = frozenset(("HDF5Output",))
# Of more layers or blobs, errors name the last so many.
_SHOWN = 100


@dataclass(frozen=True)
class TransformParameters:
    """What a net states of its images: side, mean a channel, scale; None where it does not."""

    size: int | None = None
    mean: tuple[float, ...] | None = None
    scale: float | None = None


def rows_of(
    net: ParsedNet,
    inputs: Mapping[str, Sequence[int]] | None = None,
    level: int = 0,
    stages: Collection[str] = (),
) -> tuple[list[Layer], Inputs]:
    """The rows that a net has in the TEST phase, and its inputs as it declares them.

    Args:
        net: what `read_net` gave.
        inputs: shapes of blobs that the file does not give, such as the top of a Data layer.
        level, stages: of the net, for layers with rules; beside those that it declares itself.

    Raises:
        CaffeError: a type, an argument or a blob that deelish does not know; it names the layer.
    """
    active = active_layers(net, level, stages)
    declared, rest = _inputs(net, active)
    shapes = rest | declared | {name: tuple(side) for name, side in (inputs or {}).items()}
    known = {name for name, shape in shapes.items() if shape}
    rows: list[Layer] = []
    same: dict[str, str] = {}
    for layer in active:
        if layer.type in FEED_TYPES | _SINKS:
            continue
        layer = replace(layer, bottoms=tuple(same.get(name, name) for name in layer.bottoms))
        if _is_caffes_own_split(layer):
            same |= dict.fromkeys(layer.tops, layer.bottoms[0])
            continue
        if layer.type not in KINDS:
            read = _listed([f"{row.name} ({row.type})" for row in rows])
            hint = suggested_kind(layer.type)
            raise _error(
                net, layer, f"deelish does not know the type; {hint}; layers read so far: {read}"
            )
        _check_wiring(net, layer, known)
        known.update(layer.tops)
        rows.append(_row(net, layer))
    read_names = {name for row in rows for name in row.bottoms}
    kept = {
        name: shape
        for name, shape in shapes.items()
        if shape and (name in read_names or name in declared)
    }
    return rows, kept


def active_layers(net: ParsedNet, level: int = 0, stages: Collection[str] = ()) -> list[CaffeLayer]:
    """The layers that exist in the TEST phase, at a level and in some stages."""
    level, stages = level or net.state.level, {*stages, *net.state.stages}
    return [layer for layer in net.layers if layer.runs_in("TEST", level, stages)]


def transform_parameters(net: ParsedNet) -> TransformParameters:
    """What the layers that feed the TEST phase state about the pixels that the net takes."""
    for layer in active_layers(net):
        if layer.type in FEED_TYPES and layer.args:
            found = layer.args
            mean = tuple(found["mean_value"]) if found.get("mean_value") else None
            return TransformParameters(found.get("crop_size") or None, mean, found.get("scale"))
    return TransformParameters()


def feed_shapes(net: ParsedNet, size: int | None) -> Inputs:
    """Shapes of the tops of Data layers, which a file does not give: (1, channels, size, size).

    The channels are those of the first convolution's weights. Labels are (1,).
    """
    size = size or transform_parameters(net).size
    shapes: Inputs = {}
    for layer in active_layers(net):
        if layer.type not in FEED_TYPES or layer.type == "Input" or not layer.tops:
            continue
        channels = _channels(net, layer.tops[0])
        if size and channels:
            shapes[layer.tops[0]] = (1, channels, size, size)
        shapes |= dict.fromkeys(layer.tops[1:], (1,))
    return shapes


def _channels(net: ParsedNet, blob: str) -> int | None:
    for layer in net.layers:
        if layer.type == "Convolution" and layer.blobs and layer.bottoms[:1] == (blob,):
            shape = layer.blobs[0].shape
            return int(shape[1] * layer.args.get("group", 1)) if len(shape) > 1 else None
    return None


def _inputs(net: ParsedNet, active: Sequence[CaffeLayer]) -> tuple[Inputs, Inputs]:
    """The inputs that the net declares, and those that only its Data layers or another phase feed.

    A shape is () where the file has none.
    """
    fed = {top: layer for layer in net.layers if layer.type in FEED_TYPES for top in layer.tops}
    here = {top for layer in active if layer.type == "Input" for top in layer.tops}
    declared = {
        name: shape for name, shape in net.inputs.items() if name in here or name not in fed
    }
    rest = {name: net.inputs.get(name, ()) for name in fed if name not in declared}
    return declared, rest


def _row(net: ParsedNet, layer: CaffeLayer) -> Layer:
    try:
        args = row_args(layer.type, layer.args)
    except CaffeError as error:
        raise _error(net, layer, str(error)) from None
    try:
        return Layer(layer.name, layer.type, layer.bottoms, layer.tops, None, layer.param, **args)
    except PlanError as error:
        raise CaffeError(f"{_place(net, layer)}: {error}") from None


def _is_caffes_own_split(layer: CaffeLayer) -> bool:
    """Whether Caffe put it in where a blob is read twice; a saved net holds these, too."""
    return (
        layer.type == "Split"
        and layer.name.endswith("_split")
        and len(layer.bottoms) == 1
        and all(top.startswith(f"{layer.name}_") for top in layer.tops)
    )


def _error(net: ParsedNet, layer: CaffeLayer, what: str) -> CaffeError:
    return CaffeError(f"{_place(net, layer)}: {layer.label}: {what}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(plain, names[-_SHOWN:])) or "none"
    return f"..., {shown}" if len(names) > _SHOWN else shown


def _place(net: ParsedNet, layer: CaffeLayer) -> str:
    return f"{net.path}:{layer.line}" if layer.line else net.path


def _check_wiring(net: ParsedNet, layer: CaffeLayer, known: Collection[str]) -> None:
    unknown = [name for name in layer.bottoms if name not in known]
    if unknown:
        raise _error(
            net,
            layer,
            f"reads blob {unknown[0]!r}, which is neither an input of known shape nor made by a"
            " layer before it; give in_size=, or use a deploy net",
        )
    kind = KINDS[layer.type]
    if not layer.tops and layer.type.endswith("Loss"):
        # Caffe names the top of a loss itself; a row does so too.
        return
    for names, (least, most), what in (
        (layer.bottoms, kind.bottoms, "reads"),
        (layer.tops, kind.tops, "makes"),
    ):
        if not least <= len(names) <= most:
            raise _error(
                net,
                layer,
                f"{what} {len(names)} blobs ({_listed(names)}); it takes {least} to"
                f" {most}; look at its bottoms and tops",
            )
