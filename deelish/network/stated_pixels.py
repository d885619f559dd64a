"""The preprocessing of another library's model: given, of a preset, of the model, or default."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypedDict

from deelish.common.printing import say
from deelish.errors import DataError
from deelish.network.model import PLAIN
from deelish.plan.preprocessing import Preprocessing, check_range, given_pixels

# What a model may fix, and the argument that sets it.
_ARGUMENTS = {"size": "size", "channels": "order"}
PRESET = ("mean", "std", "crop_size")
# What is taken where nothing states it: torchvision's default, and the plain range of pixels.
DEFAULTS = {**PLAIN, "crop": 224 / 256, "crop_mode": "center", "interpolation": "bilinear"}
TIMM_CROP = 0.875
# torchvision's name for Pillow's "nearest".
NEAREST = "nearest-exact"


class PixelOptions(TypedDict, total=False):
    """The arguments of a verb about pixels: the fields of `Preprocessing`."""

    size: int | None
    order: str
    mean: float | Sequence[float]
    scale: float | Sequence[float]
    crop: float
    crop_mode: str
    interpolation: str
    antialias: bool


class PixelFacts(Protocol):
    """What is asked of a model of another library; `InferenceModel` documents it."""

    kind: str
    name: str
    pixels: Mapping[str, Any]
    fixed: Mapping[str, Any]


def preprocessing_of(
    model: PixelFacts, source: object, preset: object, given: PixelOptions, *, verb: str
) -> Preprocessing:
    """The preprocessing of a model of another library.

    Arguments override a preset, and a preset overrides what the model carries. What none of them
    gives is taken from DEFAULTS, and a line reports it.

    Args:
        source: the model that the user gave; a module of timm has `pretrained_cfg`.
        preset: a `Preprocessing`, torchvision's ``weights.transforms()``, or None.
        verb: what the user called, for messages: "Teacher".

    Raises:
        DataError: no size is known, a value cannot be used, or the model does not take it.
    """
    who = f"{verb} {model.name}"
    stated = {key: value for key, value in given.items() if value is not None}
    stated = given_pixels(who, stated)
    chosen = {**model.pixels, **_of_preset(who, preset), **stated}
    found = {**_of_config(who, source, model.fixed.get("channels"), chosen.get("size")), **chosen}
    if "size" not in found:
        raise DataError(
            f"{who}: the {model.kind} does not give the size of its images; pass size=224, or"
            " preprocessing=weights.transforms()"
        )
    check_range(who, found.get("mean"), stated.get("scale"))
    taken = [name for name in DEFAULTS if name not in found]
    made = Preprocessing(**{**DEFAULTS, **found})
    _check_fixed(who, model, made)
    if taken:
        _report(model.name, made, taken)
    return made


def _report(name: str, made: Preprocessing, taken: Sequence[str]) -> None:
    mean = ", ".join(f"{number:g}" for number in made.mean)
    *first, last = taken
    names = f"{', '.join(first)} and {last} were" if first else f"{last} was"
    say(
        f"{name}: takes {made.rendering()}, {made.order} pixels minus {mean}, times"
        f" {made.scale_text}, as {names} not given; pass those that it was trained with"
    )


def _of_config(who: str, source: object, channels: int | None, size: Any) -> dict[str, Any]:
    """From timm's `pretrained_cfg` or `default_cfg`, with what its `resolve_data_config` adds.

    channels: those of the module, which may have been made with others than its configuration.
    size: in place of the configuration's, or None.
    """
    for name in ("pretrained_cfg", "default_cfg"):
        config = getattr(source, name, None)
        if isinstance(config, Mapping) and {"input_size", "mean", "std"} <= set(config):
            stated, *sides = config["input_size"]
            side = _side(who, sides) if size is None else size
            found = {"size": side, "order": "L" if (channels or stated) == 1 else "RGB"}
            found["crop"] = _crop(side, config.get("crop_pct") or TIMM_CROP)
            found["crop_mode"] = config.get("crop_mode") or "center"
            found["interpolation"] = config.get("interpolation") or "bicubic"
            if channels in (None, stated):
                found |= _of_unit_pixels(who, config["mean"], config["std"])
            return found
    return {}


def _crop(size: Any, percent: float) -> float:
    """The crop fraction that resizes to what timm does, which rounds size / crop_pct down."""
    whole = math.floor(size / percent) if isinstance(size, int) else 0
    return size / whole if whole > 0 else percent


def _of_preset(who: str, preset: object) -> dict[str, Any]:
    if preset is None:
        return {}
    if isinstance(preset, Preprocessing):
        return {field.name: getattr(preset, field.name) for field in fields(preset)}
    if not all(hasattr(preset, field) for field in PRESET):
        raise DataError(
            f"{who}: preprocessing={type(preset).__name__} lacks the mean, std and crop_size of a"
            " preset of torchvision; give weights.transforms(), or size=, mean= and scale="
        )
    values: Any = preset
    size, whole = _side(who, values.crop_size), _side(who, getattr(values, "resize_size", None))
    found: dict[str, Any] = {"size": size, "order": "RGB", "crop_mode": "center"}
    found["crop"] = size / whole if size and whole else 1.0
    how = getattr(values, "interpolation", None)
    if how is not None:
        how = getattr(how, "value", how)
        found["interpolation"] = "nearest" if how == NEAREST else how
    found["antialias"] = getattr(values, "antialias", None) is not False
    return found | _of_unit_pixels(who, values.mean, values.std)


def _of_unit_pixels(who: str, mean: Sequence[float], std: Sequence[float]) -> dict[str, Any]:
    """Mean and standard deviation of pixels from 0 to 1 -> mean and scale of those up to 255."""
    if not all(value > 0 for value in std):
        raise DataError(f"{who}: std is {tuple(std)}; give numbers above 0")
    means = tuple(255.0 * float(value) for value in mean)
    return {"mean": means, "scale": tuple(1 / (255.0 * float(value)) for value in std)}


def _side(who: str, size: Any) -> Any:
    """The side of a square, given as a number or as a list of one or two."""
    sides = list(size) if isinstance(size, Sequence) else [size]
    if len(set(sides)) != 1:
        raise DataError(f"{who}: its images are {sides}; a view is square, give size=")
    return sides[0]


def _check_fixed(who: str, model: PixelFacts, made: Preprocessing) -> None:
    for name, value in model.fixed.items():
        if getattr(made, name) != value:
            raise DataError(
                f"{who}: its {name} would be {getattr(made, name)}, but the"
                f" {model.kind} takes {value} alone; leave {_ARGUMENTS[name]}= out"
            )
