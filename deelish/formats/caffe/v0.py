"""Layers of the V0 format of 2013 as layers of V1, padding layers folded into their readers.

Source: UpgradeV0PaddingLayers and UpgradeV0LayerParameter of BVLC Caffe.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deelish.formats.caffe.codec import Found, check_names, decode_parts, plain
from deelish.formats.caffe.parameters import PARAMETERS
from deelish.formats.caffe.schema import LINE, V0_LAYER
from deelish.formats.caffe.wire import Source

_CURE = "take the field out, or upgrade the net with the Caffe that wrote it"
_INNER = "num_output biasterm weight_filler bias_filler"
_FEED = "source batchsize"
_WINDOW = "det_fg_threshold det_bg_threshold det_fg_fraction det_context_pad det_crop_mode"

# The types of V0: the word of V1, the parameter that takes their fields, and these fields.
_TYPES: dict[str, tuple[str, str, str]] = {
    "accuracy": ("ACCURACY", "", ""),
    "bnll": ("BNLL", "", ""),
    "concat": ("CONCAT", "concat_param", "concat_dim"),
    "conv": ("CONVOLUTION", "convolution_param", f"{_INNER} pad kernelsize group stride"),
    "data": ("DATA", "data_param", f"{_FEED} rand_skip"),
    "dropout": ("DROPOUT", "dropout_param", "dropout_ratio"),
    "euclidean_loss": ("EUCLIDEAN_LOSS", "", ""),
    "flatten": ("FLATTEN", "", ""),
    "hdf5_data": ("HDF5_DATA", "hdf5_data_param", _FEED),
    "hdf5_output": ("HDF5_OUTPUT", "", "hdf5_output_param"),
    "im2col": ("IM2COL", "", ""),
    "images": (
        "IMAGE_DATA",
        "image_data_param",
        f"{_FEED} rand_skip shuffle_images new_height new_width",
    ),
    "infogain_loss": ("INFOGAIN_LOSS", "infogain_loss_param", "source"),
    "innerproduct": ("INNER_PRODUCT", "inner_product_param", _INNER),
    "lrn": ("LRN", "lrn_param", "local_size alpha beta k"),
    "multinomial_logistic_loss": ("MULTINOMIAL_LOGISTIC_LOSS", "", ""),
    "pool": ("POOLING", "pooling_param", "pool pad kernelsize stride"),
    "relu": ("RELU", "", ""),
    "sigmoid": ("SIGMOID", "", ""),
    "softmax": ("SOFTMAX", "", ""),
    "softmax_loss": ("SOFTMAX_LOSS", "", ""),
    "split": ("SPLIT", "", ""),
    "tanh": ("TANH", "", ""),
    "window_data": ("WINDOW_DATA", "window_data_param", f"{_FEED} {_WINDOW}"),
}
# Today's names of fields that were renamed.
_NAMES = {
    "biasterm": "bias_term",
    "kernelsize": "kernel_size",
    "batchsize": "batch_size",
    "shuffle_images": "shuffle",
    **{name: name.removeprefix("det_") for name in _WINDOW.split()},
}
_TRANSFORM = {
    "scale": "scale",
    "meanfile": "mean_file",
    "cropsize": "crop_size",
    "mirror": "mirror",
}
# Fields that a layer of V1 has itself, and two that Caffe ignores.
_KEPT = ("name", "blobs", "blobs_lr", "weight_decay")
_IGNORED = ("type", "new_num", "new_channels")


@dataclass
class _Layer:
    """One layer on its way: its place, wiring and fields."""

    place: int
    bottoms: list[str]
    tops: list[str]
    values: dict[str, Any]
    line: int | None

    @property
    def type(self) -> str:
        return str(self.values.get("type", ""))

    @property
    def where(self) -> str:
        return f"layer {self.values.get('name', '')!r}"


def upgrade_v0(source: Source, layers: list[Found], inputs: Iterable[str]) -> list[Found]:
    """The values of `schema.V1_LAYER` for a net whose layers hold a `layer` each.

    Args:
        source: the file, for errors.
        layers: values of `schema.V1_LAYER` as decoded.
        inputs: the blobs that the net is fed with.

    Raises:
        CaffeError: a type that V0 lacks, a field that does not belong to its type, a padding layer
            read by another than one convolution or pooling, or a bottom that nothing makes.
    """
    old = []
    for number, (place, values) in enumerate(layers, 1):
        source.where = f"layer number {number}"
        old.append(_opened(source, place, values))
    _fold_padding(source, old, inputs)
    upgraded = [(layer.place, _upgraded(source, layer)) for layer in old if layer.type != "padding"]
    source.where = ""
    return upgraded


def _opened(source: Source, place: int, values: dict[str, Any]) -> _Layer:
    if "layer" not in values:
        raise source.error(
            place, "it mixes layers of the V0 and of the V1 format", "save it again with one Caffe"
        )
    inner = decode_parts(source, values["layer"], V0_LAYER)
    bottoms, tops = list(values.get("bottom", ())), list(values.get("top", ()))
    names = (inner.get("name", ""), inner.get("type", ""), *bottoms, *tops)
    check_names(source, place, names)
    return _Layer(place, bottoms, tops, inner, values.get(LINE))


def _fold_padding(source: Source, layers: list[_Layer], inputs: Iterable[str]) -> None:
    """Give the readers of padding layers their pad and their bottom."""
    makers: dict[str, _Layer | None] = dict.fromkeys(inputs)
    for layer in layers:
        source.where = layer.where
        for index, name in enumerate(layer.bottoms):
            if name not in makers:
                raise source.error(
                    layer.place, f"it reads blob {name!r}, which nothing before it makes"
                )
            maker = makers[name]
            if maker is None or maker.type != "padding":
                continue
            sizes = len(layer.bottoms), len(maker.bottoms), len(maker.tops)
            if layer.type not in ("conv", "pool") or sizes != (1, 1, 1):
                raise source.error(
                    layer.place,
                    f"a {plain(layer.type)} with {sizes[0]} bottoms reads the padding of"
                    f" {maker.where}, which has {sizes[1]} bottoms and {sizes[2]} tops",
                    "only a conv or a pool may read it, and each has one bottom",
                )
            layer.values["pad"] = maker.values.get("pad", 0)
            layer.bottoms[index] = maker.bottoms[0]
        makers |= dict.fromkeys(layer.tops, layer)


def _upgraded(source: Source, layer: _Layer) -> dict[str, Any]:
    source.where = layer.where
    values: dict[str, Any] = {"bottom": layer.bottoms, "top": layer.tops}
    if layer.line is not None:
        values[LINE] = layer.line
    if not layer.type:
        raise source.error(layer.place, "it has no type")
    if layer.type not in _TYPES:
        raise source.error(
            layer.place,
            f"its type is {layer.type!r}, which the V0 format never had",
            f"choose from {', '.join(_TYPES)}",
        )
    values["type"], parameter, belonging = _TYPES[layer.type]
    for key, value in layer.values.items():
        if key in _KEPT:
            values[key] = value
        elif key in _TRANSFORM:
            values.setdefault("transform_param", {})[_TRANSFORM[key]] = value
        elif key in belonging.split():
            _set(values, parameter, key, value)
        elif key not in _IGNORED:
            raise source.error(layer.place, f"a {layer.type} has no {key}", _CURE)
    return values


def _set(values: dict[str, Any], parameter: str, key: str, value: Any) -> None:
    if not parameter:
        values[key] = value
        return
    name = _NAMES.get(key, key)
    repeated = PARAMETERS[parameter].message.fields[name].repeated
    values.setdefault(parameter, {})[name] = [value] if repeated else value
